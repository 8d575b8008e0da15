"""What is written to which field of the CRM, and when: defaults as data, and a file that changes them."""

import hashlib
import json
from collections.abc import Mapping as AbstractMapping
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from schemas.base import Contract, Lang, Slug
from schemas.errors import Finding, RulebookError
from schemas.lead import LifecycleStage
from worker import rulebook_words, rulebook_yaml
from worker.crm import defaults
from worker.crm.card import FACTS, Situation
from worker.settings import settings

#: `always`: Tasuki's word stands. `if_empty`: only where the CRM has none. `on_change`: only when Tasuki's own word
#: changed since it was last written, so that what a human wrote later stands until there is news. `forward`: only to
#: a later stage of HubSpot's lifecycle.
Write = Literal["always", "if_empty", "on_change", "forward"]


class FieldSpec(Contract):
    """What one field of a CRM object gets."""

    #: A fact of `worker.crm.card.FACTS`.
    fact: str | None = None
    #: The same text in every record.
    text: str | None = None
    write: Write = "always"
    #: Characters at most; longer text is cut.
    max: int | None = Field(default=None, ge=1, le=131_072)
    #: What a new record gets where nothing is known and the CRM asks for something; counts as empty.
    otherwise: str | None = None


class CrmMapping(Contract):
    """The mapping in force: the defaults, changed by the file of TASUKI_CRM_MAPPING."""

    #: Object -> field -> what it gets; null: the field is left alone.
    objects: dict[str, dict[str, FieldSpec | None]] = {}
    #: Where the lead is -> the CRM's status; null: the status is left alone.
    status: dict[Situation, str | None] = {}
    #: Where the lead is -> HubSpot's lifecycle stage.
    lifecycle: dict[Situation, str | None] = {}
    #: The language of names and next steps.
    language: Lang = "ja"
    #: Rep -> CRM user, where it is not found by the rep's e-mail address.
    users: dict[Slug, str] = {}
    #: Who owns a lead that no rep holds, as a queue; null: the owner is left alone.
    nobody: str | None = None
    #: Lifecycle stages in which a lead that the CRM does not have gets a record.
    create_in: list[LifecycleStage] = ["mql", "sal", "sql", "won"]
    #: The CRM's field that holds Tasuki's lead number: an external id or a unique property.
    id_field: str = ""
    #: Salesforce: what its duplicate rules say no to is held for a person, or written all the same.
    duplicates: Literal["hold", "allow"] = "hold"
    #: What becomes of the record of an erased lead.
    erase: Literal["delete", "anonymise", "keep"] = "delete"
    #: HubSpot: a lead that goes back keeps its lifecycle stage, or has it cleared and set.
    lifecycle_backwards: Literal["leave", "clear"] = "leave"
    #: The CRM's field with the reason of a lost opportunity.
    lost_reason: str | None = None
    #: The CRM's field with the currency of an opportunity; null: its amounts carry none.
    currency: str | None = None


def load(crm: str) -> CrmMapping:
    """Return the mapping of a CRM, read once a process.

    Raises:
        RulebookError: the file is wrong; with line, column and mend.

    """
    return _load(crm, settings().crm_mapping)


@lru_cache(maxsize=4)
def _load(crm: str, path: Path | None) -> CrmMapping:
    base: dict[str, Any] = defaults.OF[crm]
    if path is None:
        return CrmMapping.model_validate(base)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = f"cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}"
        raise RulebookError([Finding(str(path), (), words)]) from None
    return parse(crm, path.name, text)


def parse(crm: str, file: str, text: str) -> CrmMapping:
    """Make a mapping of the defaults and a file's text.

    Raises:
        RulebookError: with every problem, its line, column and mend.

    """
    document = rulebook_yaml.read(file, text)
    findings = list(document.findings)
    said = document.value
    if not findings:
        try:
            raw = json.dumps(said, ensure_ascii=False)
            findings += _lint(file, crm, CrmMapping.model_validate_json(raw, strict=True))
        except ValidationError as error:
            findings += [
                Finding(file, rulebook_words.place_of(one), rulebook_words.say(one, CrmMapping))
                for one in error.errors(include_url=False)
            ]
    if findings:
        raise RulebookError([
            Finding(one.file, one.path, one.message, *rulebook_yaml.where(document.positions, one.path))
            if one.line is None else one for one in findings
        ])  # fmt: skip
    return CrmMapping.model_validate(_laid_over(defaults.OF[crm], said))


def _laid_over(base: Any, said: Any, depth: int = 0) -> Any:
    """Lay a file over the defaults: objects by field, other maps by key, all else whole."""
    if not isinstance(base, dict) or not isinstance(said, dict) or depth > 2:  # noqa: PLR2004 - objects, object, field
        return said
    return {**base, **{key: _laid_over(base.get(key), value, depth + 1) for key, value in said.items()}}


def _lint(file: str, crm: str, said: CrmMapping) -> list[Finding]:
    findings = []
    known = defaults.OF[crm]["objects"]
    if crm == "webhook" and said.objects:
        words = (
            "a webhook carries every fact under its own name (see `tasuki crm fields`); take `objects` out"
        )
        return [Finding(file, ("objects",), words)]
    for name, fields in said.objects.items():
        if name not in known:
            words = f"{crm} has no object {name} that is written; there is {', '.join(known)}"
            findings.append(Finding(file, ("objects", name), words))
        for field, spec in fields.items():
            path = ("objects", name, field)
            if spec is None:
                continue
            if (spec.fact is None) == (spec.text is None):
                findings.append(Finding(file, path, "takes either `fact` or `text`"))
            elif spec.fact is not None and spec.fact not in FACTS:
                near = get_close_matches(spec.fact, FACTS, n=1)
                mend = f"did you mean {near[0]}?" if near else f"there is {', '.join(FACTS)}"
                findings.append(Finding(file, (*path, "fact"), f"{spec.fact} is no fact of a lead; {mend}"))
            if spec.write == "forward" and spec.fact != "lifecycle":
                findings.append(
                    Finding(
                        file, (*path, "write"), "`forward` is for the fact `lifecycle` only; write always"
                    )
                )
    return findings


#: HubSpot's stages in their order; other ones, made by a customer, are never behind.
ORDER: Final = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist",
)  # fmt: skip


def plain(value: Any) -> str:
    """Return a value as text by which two spellings of the same are one: 60 and 60.0, one instant in two zones."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    if len(text) >= 19 and text[4:5] == "-" and text[10:11] == "T":  # noqa: PLR2004 - 2026-11-24T09:00:00
        try:
            return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="seconds")
        except ValueError:
            return text
    return text


def digest(value: Any) -> str:
    """Return what is kept of a written value: enough to know it again, and nothing of a person."""
    return hashlib.sha256(plain(value).encode()).hexdigest()[:16]


def fill(
    fields: AbstractMapping[str, FieldSpec | None], card: AbstractMapping[str, Any],
    current: AbstractMapping[str, Any] | None, written: AbstractMapping[str, str], *, backwards: bool = False,
) -> tuple[dict[str, Any], dict[str, str]]:  # fmt: skip
    """Return the fields to send, and the digests of Tasuki's words as they stand in the record afterwards.

    Args:
        fields: of the object.
        card: the facts of the lead.
        current: what the record holds; None for a record that is to be made.
        written: digests of what Tasuki wrote last.
        backwards: whether a lifecycle stage may go back.

    """
    send: dict[str, Any] = {}
    digests: dict[str, str] = {}
    for name, spec in fields.items():
        if spec is None:
            continue
        value = _value(spec, card)
        if current is None:
            value = spec.otherwise if value is None else value
            if value is not None:
                send[name] = value
                digests[name] = digest(value)
            continue
        has = current.get(name)
        if value is None:
            if spec.write == "always" and name in written and plain(has):
                send[name] = None  # what Tasuki said and holds no more
                digests[name] = digest(None)
            continue
        if plain(has) == plain(value):
            digests[name] = digest(value)
        elif _may(spec, value, has, written.get(name), backwards=backwards):
            send[name] = value
            digests[name] = digest(value)
    return send, digests


def _value(spec: FieldSpec, card: AbstractMapping[str, Any]) -> Any:
    value = spec.text if spec.fact is None else card.get(spec.fact)
    if isinstance(value, str):
        return (value[: spec.max] if spec.max else value) or None
    return value


def _may(spec: FieldSpec, value: Any, has: Any, written: str | None, *, backwards: bool) -> bool:
    if spec.write == "if_empty":
        return plain(has) in ("", spec.otherwise or "")
    if spec.write == "on_change":
        return written != digest(value)
    if spec.write == "forward":
        ranks = {stage: rank for rank, stage in enumerate(ORDER)}
        ahead = plain(has) == "" or ranks.get(str(value), -1) > ranks.get(plain(has), len(ORDER))
        return ahead or (backwards and str(value) in ranks)
    return True
