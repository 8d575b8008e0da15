"""persona.yaml: whom do we want?"""

from datetime import date
from typing import Literal

from pydantic import Field

from schemas.base import Condition, Contract, Slug, Wording
from schemas.rulebook.example import Example


class Signature(Contract):
    """Who agreed for a side, and when."""

    by: str = Field(min_length=1, max_length=100)
    on: date


class Agreed(Contract):
    """Both sides' signatures under a file that both must sign."""

    marketing: Signature
    sales: Signature


class FitRule(Contract):
    """Points for being like the persona."""

    points: int = Field(ge=1, le=100)
    when: Condition
    name: Wording | None = None


class Must(Contract):
    """What a lead has to have to be this persona at all; without it, it cannot fit."""

    when: Condition
    name: Wording | None = None
    #: While nobody knows: is the lead let in, and the open question shown, or kept out?
    unknown: Literal["allow", "refuse"] = "allow"


class Disqualifier(Contract):
    """What rules a lead out, whatever else it is."""

    reason: Slug
    when: Condition
    name: Wording | None = None


class Persona(Contract):
    """One typical buyer."""

    id: Slug
    name: Wording
    fit: list[FitRule] = Field(min_length=1)
    must: list[Must] = []
    disqualify: list[Disqualifier] = []


class Grades(Contract):
    """The least fit (0-100) for each grade; below C is D."""

    A: int = Field(default=75, ge=1, le=100)
    B: int = Field(default=50, ge=1, le=100)
    C: int = Field(default=25, ge=1, le=100)


class PersonaFile(Contract):
    """The whole of persona.yaml."""

    agreed: Agreed
    grades: Grades = Grades()
    #: Fit is reckoned of the points whose facts are known, but of at least this share of all points.
    #: 1 counts an unknown fact as one that does not hold.
    least_known: float = Field(default=1.0, ge=0.1, le=1)
    personas: list[Persona] = Field(min_length=1)
    examples: list[Example] = []
