"""By which way a message goes to a rep: the first channel of `notify`, and those that are left when it fails."""

from dataclasses import dataclass
from typing import Final

from routing_rules.roster import Rep
from schemas.rulebook.channels import EMAIL, VARIABLE, ChannelSpec, PersonalData
from schemas.rulebook.team import TeamFile
from worker.settings import channel_secret

#: The receiver of TASUKI_WEBHOOK_URL, which is told everything and is no rep's channel.
WEBHOOK: Final = "webhook"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to one rep."""

    #: the channel's kind, its id in team.yaml
    kind: str
    channel_id: str
    #: the rep's address by mail, else the channel's id: a secret address is not stored
    recipient: str
    #: whose health counts
    receiver: str


def channel_of(channel_id: str, team: TeamFile) -> ChannelSpec | None:
    """Return a channel by its id; `email` is always there."""
    known = next((one for one in team.channels if one.id == channel_id), None)
    return ChannelSpec(id=EMAIL, kind="email") if known is None and channel_id == EMAIL else known


def policy_of(channel_id: str | None, spec: ChannelSpec | None) -> PersonalData:
    """Return what a channel may show: nothing personal when the rulebook has it no more, for nobody knows then."""
    if spec is not None:
        return spec.personal_data
    return "full" if channel_id is None else "none"


def way_to(rep: Rep, channel_id: str, team: TeamFile) -> Way | None:
    """Return the way to a rep by a channel, or None when the rulebook has no such channel."""
    spec = channel_of(channel_id, team)
    if spec is None:
        return None
    if spec.kind == "email":
        return Way("email", spec.id, spec.address or str(rep.spec.email), EMAIL)
    return Way(spec.kind, spec.id, spec.id, spec.id)


def ways_of(rep: Rep) -> list[str]:
    """Return the channels of a rep in their order."""
    return list(rep.spec.notify) or [EMAIL]


def read_address(text: str | None) -> str | None:
    """Return an address or secret as it stands, or what its variable holds.

    Raises:
        OSError: the file that the variable names cannot be read.

    """
    if text is None:
        return None
    variable = VARIABLE.fullmatch(text)
    return text if variable is None else channel_secret(variable[1])
