"""`outreach` in nurture.yaml: when and on what ground a person may be contacted, by channel and country."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from schemas.base import Contract, Duration
from schemas.rulebook.channels import QuietHours
from schemas.rulebook.zones import zone_name

#: The channels that a lead permits or denies.
OutreachChannel = Literal["email", "phone"]
#: What a contact rests on. `opt_in`: a recorded yes. `relationship`: a recorded yes, or the person wrote, signed up
#: or asked by themselves, or has a deal with us. `opt_out`: nobody said no.
Basis = Literal["opt_in", "relationship", "opt_out"]
#: Two capital letters, or EEA: the European Union with Iceland, Liechtenstein and Norway.
Place = Annotated[str, Field(pattern=r"^([A-Z]{2}|EEA)$")]


class BasisRule(Contract):
    """On what a contact must rest; the first whose channel and country fit decides."""

    channels: list[OutreachChannel] = Field(default=["email", "phone"], min_length=1)
    #: None named: everywhere, also where the country is not known.
    countries: list[Place] = []
    needs: Basis
    #: What people look up: 特定電子メール法, GDPR Art. 6(1)(f).
    law: str = Field(default="", max_length=200)


class QuietRule(Contract):
    """When a channel is silent, on the person's own clock."""

    channels: list[OutreachChannel] = Field(default=["phone"], min_length=1)
    hours: list[QuietHours] = Field(min_length=1, max_length=8)
    #: Saturday and Sunday are silent as a whole.
    weekends: bool = False


class OutreachSpec(Contract):
    """The rules of the outreach gate beside the lead's own permissions."""

    #: The clock of a person whose country nobody knows.
    zone: Annotated[str, AfterValidator(zone_name)] = "Asia/Tokyo"
    quiet: list[QuietRule] = Field(default=[], max_length=8)
    basis: list[BasisRule] = Field(default=[], max_length=100)
    #: Between two attempts of sales at one lead, at least; nothing said: none.
    pause: Duration = 0
