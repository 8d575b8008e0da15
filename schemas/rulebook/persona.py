"""persona.yaml: whom do we want?"""

from datetime import date

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
    personas: list[Persona] = Field(min_length=1)
    examples: list[Example] = []
