"""The enrichment file: outside sources that are asked about companies, as ops write them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, model_validator

from schemas.base import Contract, Duration, Slug
from schemas.event import EventData

#: What a source is asked by, the surer first.
QuestionKind = Literal["corporate_number", "domain"]

#: What a source may say of a lead's company: fields of the canonical event. An address, a phone or a permission is
#: the lead's own to tell.
SAYABLE = frozenset(
    {"company", "corporate_number", "employees", "industry", "country", "region", "department", "title"}
)


def _sayable(fields: dict[str, str]) -> dict[str, str]:
    unknown = sorted(fields.keys() - (SAYABLE & EventData.model_fields.keys()))
    if unknown:
        msg = f"a source cannot say {', '.join(unknown)}; it can say {', '.join(sorted(SAYABLE))}"
        raise ValueError(msg)
    return fields


Say = Annotated[dict[str, str], Field(min_length=1), AfterValidator(_sayable)]


class _Source(Contract):
    #: Stands beside each value that it gave, and in the source of its events: `enrich:ID`.
    id: Slug
    #: How long an answer is used again, nothing found included.
    keep_for: Duration = 30 * 86_400


class HttpSource(_Source):
    """A JSON service that answers a GET."""

    kind: Literal["http"]
    #: With `{corporate_number}` or `{domain}` in its path or query.
    url: Annotated[str, Field(pattern=r"^https?://[^\s{}]+/", max_length=2_000)]
    #: Header -> value; `{token}` stands for this source's entry in TASUKI_ENRICHMENT_TOKENS.
    headers: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")], str] = {}
    #: Field of the canonical event -> place in the answer, as `items.0.name`.
    say: Say
    #: Where in the answer the company's own key stands; another one there than asked for is not the company.
    check: dict[QuestionKind, str] = {}
    #: Longest wait for connecting, and for each part of the answer; a whole answer takes at most twice as long.
    timeout: Annotated[Duration, Field(ge=1, le=60)] = 5
    #: Questions a day (UTC) at most; each is tried at most twice in a row.
    per_day: Annotated[int, Field(ge=1, le=10_000_000)] = 1_000
    #: Failures in a row after which it is left alone, and for how long.
    failures: Annotated[int, Field(ge=1, le=1_000)] = 5
    closed_for: Duration = 600

    @model_validator(mode="before")
    @classmethod
    def _asks_something(cls, said: Any) -> Any:
        """Refuse a URL that asks about nobody."""
        if isinstance(said, dict) and isinstance(url := said.get("url"), str) and not _asked(url):
            msg = "url names neither {corporate_number} nor {domain}"
            raise ValueError(msg)
        return said

    @property
    def asks(self) -> list[QuestionKind]:
        """Return what it is asked by."""
        return _asked(self.url)


def _asked(url: str) -> list[QuestionKind]:
    kinds: list[QuestionKind] = ["corporate_number", "domain"]
    return [kind for kind in kinds if f"{{{kind}}}" in url]


class TableSource(_Source):
    """A table of companies on this machine: CSV (UTF-8 or Shift_JIS) or Parquet."""

    kind: Literal["table"]
    #: Ends in .csv, .tsv or .parquet; beside the enrichment file, or absolute.
    path: Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"\.(csv|tsv|parquet)$")]
    #: What companies are found by -> its column.
    match: Annotated[dict[QuestionKind, str], Field(min_length=1)]
    #: Field of the canonical event -> column.
    say: Say

    @property
    def asks(self) -> list[QuestionKind]:
        """Return what it is asked by."""
        kinds: list[QuestionKind] = ["corporate_number", "domain"]
        return [kind for kind in kinds if kind in self.match]


Source = Annotated[HttpSource | TableSource, Discriminator("kind")]


class EnrichmentFile(Contract):
    """All outside sources; each is asked, and of two that answer the newer word counts."""

    sources: Annotated[list[Source], Field(max_length=20)] = []

    @model_validator(mode="after")
    def _own_names(self) -> "EnrichmentFile":
        """Refuse two sources of one name."""
        names = [source.id for source in self.sources]
        if len(set(names)) < len(names):
            msg = "two sources have one id"
            raise ValueError(msg)
        return self
