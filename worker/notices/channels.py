"""All ways out behind one call: each message is done, has to wait, or is refused."""

import smtplib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.errors import Away, Refused
from schemas.rulebook.channels import ChannelSpec
from worker.links import Wanted
from worker.notices.chats import send_chat
from worker.notices.hooks import send_instruction, send_webhook
from worker.notices.mail import mail_server, send_mail
from worker.notices.others import send_apprise
from worker.notices.routes import WEBHOOK, policy_of, read_address
from worker.notices.sheet import Sheet, make_sheet
from worker.settings import settings
from worker.store.tracks import MA


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message, ready to go: what it says, to whom, and by which channel."""

    message_id: int
    attempts: int
    kind: str
    key: str
    channel: str
    recipient: str
    receiver: str
    #: the channel's id in team.yaml; None: it is none of it
    channel_id: str | None
    #: the channel in team.yaml; None: the rulebook has it no more, or it is none of it
    spec: ChannelSpec | None
    bodies: list[Mapping[str, Any]]
    links: Mapping[Wanted, str]
    lead_id: int
    #: the messages that stand in a digest
    carries: tuple[int, ...] = ()

    def sheet(self, now: datetime) -> Sheet:
        """Return its screen."""
        return make_sheet(self.bodies, self.key, policy_of(self.channel_id, self.spec), self.links, now)

    def hidden(self) -> set[Any]:
        """Return what an error about it must not repeat: what its leads said, and where it goes."""
        said = {
            value
            for body in self.bodies
            for name, value in body.get("lead", {}).items()
            if isinstance(value, str)
            and name in ("name", "email", "phone", "company", "title", "department", "campaign")
        }
        return said | {self.recipient if self.channel == "email" else None, *self._secrets()}

    def _secrets(self) -> set[str | None]:
        if self.spec is None:
            return set()
        try:
            return {read_address(self.spec.address), read_address(self.spec.secret)}
        except OSError:
            return set()


class Lane:
    """Messages to one receiver, one after the other; mail shares one connection."""

    def __init__(self) -> None:
        """Connect when the first mail needs it."""
        self._connection: Any = None
        self.server: smtplib.SMTP | None = None

    def mail(self) -> smtplib.SMTP:
        """Return the open connection to the mail server."""
        if self.server is None:
            connection = mail_server()
            self.server = connection.__enter__()
            self._connection = connection
        return self.server

    def close(self) -> None:
        """Take leave of the mail server; after a failure the next mail connects anew."""
        connection, self._connection, self.server = self._connection, None, None
        if connection is not None:
            connection.__exit__(None, None, None)


@contextmanager
def lane() -> Iterator[Lane]:
    """Open a lane and close it."""
    opened = Lane()
    try:
        yield opened
    finally:
        opened.close()


def send(parcel: Parcel, on: Lane, now: datetime) -> None:
    """Deliver one message.

    Raises:
        Away: it may work later.
        Refused: it will not.

    """
    if parcel.channel_id is not None and parcel.spec is None:
        raise Refused(
            f"the rulebook has no channel {parcel.channel_id} any more; mend `notify` or `channels` in team.yaml"
        )
    if parcel.channel == "email":
        send_mail(on.mail(), parcel.recipient, parcel.key, parcel.sheet(now), now)
        return
    if parcel.receiver == MA:
        _instruct(parcel, now)
        return
    if parcel.receiver == WEBHOOK or "://" in parcel.recipient:
        secret = settings().webhook_secret
        plain = None if secret is None else secret.get_secret_value()
        send_webhook(parcel.recipient, plain, parcel.key, parcel.kind, parcel.bodies, "full", now)
        return
    if parcel.spec is None:
        raise Refused(f"the message names no channel of the rulebook, and {parcel.channel} needs one")
    address, secret_text = _address(parcel.spec)
    if parcel.channel == "webhook":
        if secret_text is None and (secret := settings().webhook_secret) is not None:
            secret_text = secret.get_secret_value()
        policy = parcel.spec.personal_data
        send_webhook(address, secret_text, parcel.key, parcel.kind, parcel.bodies, policy, now)
    elif parcel.channel == "apprise":
        send_apprise(address, parcel.sheet(now))
    else:
        send_chat(parcel.channel, address, secret_text, parcel.key, parcel.sheet(now))


def _instruct(parcel: Parcel, now: datetime) -> None:
    url, secret = settings().ma_url, settings().ma_secret
    if url is None:
        raise Away("TASUKI_MA_URL is not set any more: set it, or drop the message")
    plain = None if secret is None else secret.get_secret_value()
    send_instruction(str(url), plain, parcel.key, parcel.kind, parcel.bodies[0], now)


def _address(spec: ChannelSpec) -> tuple[str, str | None]:
    """Return address and secret; what is not set yet may be set soon, so the message waits."""
    try:
        address, secret = read_address(spec.address), read_address(spec.secret)
    except OSError as error:
        raise Away(f"a file of the channel {spec.id} cannot be read: {error.strerror}") from error
    for text, name in ((address, spec.address), (secret, spec.secret)):
        if text is None and name is not None:
            raise Away(f"{name[2:-1]} is not set: the channel {spec.id} does not know where to")
    if address is None:
        raise Refused(f"the channel {spec.id} has no address; add it in team.yaml")
    return address, secret
