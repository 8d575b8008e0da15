"""How an outside table is to be read: which column is the outcome, what orders it, what may score and what may not."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Contract

Column = Annotated[str, Field(min_length=1, max_length=200)]


class Outcome(Contract):
    """What counts as won: values of a column, or that the key stands in another file."""

    column: Column
    won: list[str] = []
    #: Cases with another value than these and `won` are still open and left out; empty: all others are lost.
    lost: list[str] = []
    #: A file beside the table; won is who stands there under `column`.
    listed_in: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.won) == (self.listed_in is not None):
            raise ValueError("give either `won`, the values that count, or `listed_in`, a file of those won")
        return self


class Order(Contract):
    """What puts the cases in time."""

    #: `number` and `text` (ISO dates) sort by a column; `file` takes the file's order; `hash` is for tables
    #: without any time: a fixed shuffle by the column's SHA-256.
    by: Literal["number", "text", "file", "hash"]
    column: Column | None = None
    #: Earlier cases are left out (compared as text).
    since: str | None = None

    @model_validator(mode="after")
    def _column_where_needed(self) -> Self:
        if (self.column is None) != (self.by == "file"):
            raise ValueError("takes a column unless `by` is file")
        return self


class Join(Contract):
    """Columns of another file beside the table."""

    file: str
    on: Column
    columns: dict[Column, Literal["number", "word"]]


class Naive(Contract):
    """The score to compare with: columns of which more (or, with `less`, fewer) is better."""

    column: Column
    better: Literal["more", "less", "these"] = "more"
    values: list[str] = []


class TableSpec(Contract):
    """One outside table."""

    name: str = Field(min_length=1, max_length=100)
    target: str = Field(min_length=1, max_length=500)
    outcome: Outcome
    order: Order
    #: Column -> kind; only these may score.
    features: dict[Column, Literal["number", "word"]] = Field(min_length=1)
    join: list[Join] = []
    #: Column -> why it is known only afterwards, or is the outcome in disguise. Never read.
    leaks: dict[Column, str] = {}
    #: Text that means "not known", besides an empty cell.
    unknown: list[str] = []
    naive: list[Naive] = []
    naive_name: str = "naive score"
    separator: Literal[",", ";", "\t"] = ","
    notes: list[str] = []

    @model_validator(mode="after")
    def _nothing_leaks(self) -> Self:
        used = self.features.keys() | {name for one in self.join for name in one.columns}
        used |= {one.column for one in self.naive}
        leaking = sorted(used & self.leaks.keys())
        if leaking:
            raise ValueError(f"{', '.join(leaking)} stands under `leaks` and must not score")
        if self.outcome.column in used and self.outcome.listed_in is None:
            raise ValueError(f"{self.outcome.column} is the outcome and must not score")
        return self
