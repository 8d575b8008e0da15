"""What was learned from outcomes: a scorecard in plain JSON, which is read and never executed.

    log-odds of winning = offset + slope * (intercept + sum over fields of the weight of the lead's value)

`slope` and `offset` are the calibration (Platt 1999) and stand apart, so that both steps can be audited.
"""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from schemas.base import Contract, Lang
from schemas.errors import NotUnderstood, Refused
from schemas.strict_json import loads

#: The form of the document. Raised when an older program could not read it rightly.
FORMAT: Final = "tasuki.scorecard/1"
#: How features are made of a lead. Raised whenever the same lead may give other values.
FEATURES: Final = 2
#: The largest document taken, in bytes of JSON.
MAX_BYTES: Final = 2_000_000

#: A lead's value of one field: a number, a word, or None for "not known".
Value = float | str | None

Weight = Annotated[float, Field(ge=-100, le=100)]
FieldName = Annotated[str, Field(min_length=1, max_length=200)]
Share = Annotated[float, Field(ge=0, le=1)]


class NumberWeights(Contract):
    """A number in bins: weight `i` counts from edge `i - 1` (included) up to edge `i`."""

    kind: Literal["number"] = "number"
    name: FieldName
    edges: list[float] = Field(max_length=64)
    weights: list[Weight]
    unknown: Weight
    #: The mean weight of the leads it was fitted on: what the reasons are told against.
    mean: Weight

    @model_validator(mode="after")
    def _bins_fit(self) -> Self:
        if len(self.weights) != len(self.edges) + 1:
            raise ValueError("needs one weight more than edges")
        if any(low >= high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("edges must rise")
        return self


class WordWeights(Contract):
    """A word: values that were too rare to tell apart share the weight `other`."""

    kind: Literal["word"] = "word"
    name: FieldName
    weights: dict[Annotated[str, Field(max_length=500)], Weight] = Field(max_length=2_000)
    other: Weight
    unknown: Weight
    mean: Weight


FieldWeights = Annotated[NumberWeights | WordWeights, Field(discriminator="kind")]


class Told(Contract):
    """A sentence that people read, in Japanese and English."""

    ja: str = Field(max_length=1_000)
    en: str = Field(max_length=1_000)

    def say(self, lang: Lang) -> str:
        """Return the sentence in `lang`."""
        return self.ja if lang == "ja" else self.en


class Window(Contract):
    """One part of the hand-overs in time, and how they came out."""

    first: str
    last: str
    leads: int = Field(ge=0)
    won: int = Field(ge=0)


class Scorecard(Contract):
    """One fitted model, complete: everything that scoring needs, and where it came from."""

    format: Literal["tasuki.scorecard/1"] = "tasuki.scorecard/1"
    #: FEATURES of the program that fitted it.
    features: int
    #: The rulebook through which the leads are looked at; 0 where there is none (an outside table).
    rulebook_version: int = Field(ge=0)
    #: SHA-256 of that rulebook's texts: the same number may be another book elsewhere.
    rulebook_digest: str = Field(default="", max_length=64)
    #: What won and not won means.
    target: Told
    intercept: Weight
    fields: list[FieldWeights] = Field(max_length=500)
    slope: float = Field(ge=0, le=100)
    offset: Weight
    fitted: Window
    calibrated: Window
    held_out: Window
    seed: int
    #: SHA-256 of everything else.
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [field.name for field in self.fields]
        if len(names) != len(set(names)):
            raise ValueError("a field stands twice")
        return self


def digest_of(document: dict[str, Any]) -> str:
    """Return the SHA-256 of a document but for its own `digest`, whatever the order of its keys."""
    rest = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(rest, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(**parts: Any) -> Scorecard:
    """Make a scorecard and put its digest on."""
    blank = Scorecard(digest="0" * 64, **parts)
    return blank.model_copy(update={"digest": digest_of(blank.model_dump(mode="json"))})


def read_model_file(raw: bytes) -> "tuple[Scorecard, Report]":
    """Check a file that `tasuki learn export` wrote.

    Raises:
        Refused: as `read_scorecard` does, or the file is none of that kind.

    """
    if len(raw) > MAX_BYTES:
        raise Refused(f"the model file is larger than {MAX_BYTES} bytes")
    try:
        file = ModelFile.model_validate(loads(raw))
    except (ValidationError, NotUnderstood):
        raise Refused("not a model file; take one that `tasuki learn export` wrote") from None
    return read_scorecard(file.scorecard), file.report


def read_scorecard(document: Any) -> Scorecard:
    """Check a document from a file or a row.

    Raises:
        Refused: it is no scorecard, of another version, or not as it was made; the message names the mend.

    """
    if not isinstance(document, dict):
        raise Refused("the model is no JSON object; nothing was taken over")
    said = document.get("format")
    if said != FORMAT:
        raise Refused(
            f"the model is of form {str(said)[:100]!r}, and this program reads {FORMAT}; fit it anew"
        )
    if document.get("features") != FEATURES:
        raise Refused(
            f"the model knows features {str(document.get('features'))[:20]}, and this program makes {FEATURES};"
            " fit it anew with `tasuki learn fit`"
        )
    try:
        card = Scorecard.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused(f"the model is broken at {place or 'its top'}: {first['msg']}; fit it anew") from None
    if digest_of(card.model_dump(mode="json")) != card.digest:
        raise Refused(
            "the model is not as it was made (its digest differs); fit it anew or take the original"
        )
    return card


class Estimate(Contract):
    """A figure with its 95 % interval; None where it cannot be worked out."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class Measures(Contract):
    """How well one way of scoring did on the hold-out."""

    name: str
    #: A score of ranks only has no probabilities to be judged.
    probabilities: bool = True
    auc: Estimate
    average_precision: Estimate
    #: Share won in the best tenth / share won in all.
    lift: Estimate
    brier: Estimate
    #: Slope and intercept of the log-odds against the outcome: 1 and 0 are perfect (Cox 1958).
    slope: float | None = None
    intercept: float | None = None
    #: Expected calibration error over ten bins of equal count.
    ece: float | None = None


class CalibrationBin(Contract):
    """A tenth of the hold-out: what was promised, what came."""

    leads: int
    promised: Share
    came: Share
    low: Share
    high: Share


class FieldUse(Contract):
    """What became of one field: used with so many weights, or left out and why."""

    name: str
    used: bool
    weights: int
    #: Likelihood-ratio gain on the fitted part, less Akaike's penalty, in natural log units.
    gain: float
    #: Why it was left out: no better than chance, or no room among ten cases a weight.
    why: Literal["", "chance", "room"] = ""


class Report(Contract):
    """The honest comparison on the hold-out, with everything that a reader needs to doubt it."""

    data: str
    target: Told
    fitted: Window
    calibrated: Window
    held_out: Window
    fields: list[FieldUse]
    #: The penalty chosen by cross-validation inside the fitted part.
    strength: float
    calibrated_on: Literal["own part", "cross-fitted"]
    model: Measures
    others: list[Measures]
    bins: list[CalibrationBin]
    #: Model less the rule score, on the same resamples; None where there is no rule score.
    auc_gain: Estimate | None = None
    ap_gain: Estimate | None = None
    verdict: Literal["better", "not shown to be better", "worse", "nothing learned", "no rule score"]
    resamples: int
    seed: int
    notes: list[Told] = []
    made_at: AwareDatetime | None = None


class ModelFile(Contract):
    """A model on its way from one database to another."""

    scorecard: dict[str, Any]
    report: Report


class ModelRow(Contract):
    """One stored version."""

    version: int
    digest: str
    fitted_at: datetime
    by: str
    rulebook_version: int
    in_force: bool
    #: None where the stored document was refused; `problem` says why.
    card: Scorecard | None = None
    report: Report | None = None
    problem: str | None = None
