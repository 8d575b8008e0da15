"""Links by which a rep answers from a notice: random, kept as hashes, used once, bound to assignment, rep and purpose.

A link acts for whoever reads the channel that it went by: it shows what that channel may show, and its act is
recorded with the channel.

Nothing revokes a link row when its lead moves on: at every use the link is compared with its assignment, under
the locks of the act itself. So no way of ending an assignment, of today or of a later version, can forget to.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

from sqlalchemy import Connection

from schemas.errors import NotFound, Overtaken, Refused
from schemas.handover import Act
from schemas.rulebook.channels import PersonalData
from worker.acting import Answer, act
from worker.now import new_token
from worker.rulebooks import Loaded
from worker.settings import settings
from worker.store.db import run
from worker.store.rows import as_json, ms

Purpose = Literal["accept", "decline", "contacted"]
#: open: the button works. done: what it is for was done by another way. no_rep: its rep left the team.
State = Literal["open", "done", "used", "overtaken", "expired", "no_rep"]

#: Assignment, rep and purpose of a link.
Wanted = tuple[int, str, str]

PURPOSES: Final[tuple[str, ...]] = get_args(Purpose)
#: The channel of links that were made before channels were kept.
UNKNOWN: Final = "unknown"
#: Time for which a page that was opened can be sent; then it is opened again.
FORM_LASTS: Final = timedelta(hours=12)
#: How long an expired link is still told apart from a forged one.
REMEMBERED: Final = timedelta(days=90)
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
#: Forgotten links deleted for each call of `mint`: more than it adds in the long run, so that none pile up.
_FORGET: Final = 500
_FIND: Final = (
    "SELECT token_hash, assignment_id, rep, purpose, form_key, expires_at, used_at, personal_data, channel"
    " FROM tasuki.link_token WHERE token_hash = :h"
)


@dataclass(frozen=True, slots=True)
class Link:
    """A link and its assignment, as they stand."""

    token_hash: bytes
    purpose: Purpose
    rep: str
    form_key: bytes
    expires_at: datetime
    used_at: datetime | None
    #: The row of the assignment.
    held: Any
    #: The channel that it went by, and what that may show of the lead.
    channel: str = UNKNOWN
    personal: PersonalData = "full"

    def state(self, loaded: Loaded, now: datetime) -> State:
        """Tell what the link can still do; what became of the lead is told before the link's own age."""
        if self.used_at is not None:
            return "used"
        if self.held.ended_at is not None:
            return "overtaken"
        if (self.purpose == "accept" and self.held.accepted_at is not None) or (
            self.purpose == "contacted" and self.held.contacted_at is not None
        ):
            return "done"
        if self.expires_at <= now:
            return "expired"
        rep = loaded.team.reps.get(self.rep)
        return "open" if rep is not None and rep.spec.active else "no_rep"


class Stale(Refused):
    """The form was not made by a page of this link, or too long ago."""


class Closed(Refused):
    """The link cannot act; `state` says why."""

    def __init__(self, state: State) -> None:
        """Keep the state, for whoever tells it in words."""
        super().__init__(f"the link is {state}")
        self.state = state


def mint(
    connection: Connection, wanted: Sequence[Wanted], now: datetime, *,
    personal: Mapping[Wanted, PersonalData] | None = None, channel: str = UNKNOWN,
) -> dict[Wanted, str]:  # fmt: skip
    """Make links and return the URL of each: the only place in which their secrets ever are.

    Called in the transaction that takes the message which will carry them. Each call makes new ones: a message
    that is sent again carries other links, and those of the first are good as well.

    Args:
        connection: the transaction.
        wanted: assignment, rep and purpose (accept, decline, contacted) of each.
        now: business time.
        personal: what the page of each may show of the lead; all, where nothing is said.
        channel: the channel that they go by, by its id in team.yaml.

    """
    shows = personal or {}
    base = settings().public_url
    if base is None or not wanted:
        return {}
    _forget(connection, now)
    tokens = {one: new_token() for one in wanted}
    run(
        connection,
        "INSERT INTO tasuki.link_token (token_hash, assignment_id, rep, purpose, form_key, created_at, expires_at,"
        " personal_data, channel)"
        " SELECT decode(hash, 'hex'), a, rep, purpose, decode(key, 'hex'), :now, to_timestamp(until / 1000.0),"
        " shows, :channel FROM json_to_recordset(cast(:rows AS json))"
        " AS r(hash text, a bigint, rep text, purpose text, key text, until bigint, shows text)",
        rows=as_json(
            [
                {"hash": hash_of(token).hex(), "a": assignment_id, "rep": rep, "purpose": purpose,
                 "key": hash_of(new_token()).hex(), "until": ms(now + timedelta(days=settings().link_days)),
                 "shows": shows.get((assignment_id, rep, purpose), "full")}
                for (assignment_id, rep, purpose), token in tokens.items()
            ]
        ),
        now=now, channel=channel,
    )  # fmt: skip
    return {one: f"{str(base).rstrip('/')}/l/{token}" for one, token in tokens.items()}


def _forget(connection: Connection, now: datetime) -> None:
    run(
        connection,
        "DELETE FROM tasuki.link_token WHERE token_hash IN (SELECT token_hash FROM tasuki.link_token"
        " WHERE expires_at < :before ORDER BY expires_at LIMIT :n FOR UPDATE SKIP LOCKED)",
        before=now - REMEMBERED, n=_FORGET,
    )  # fmt: skip


def hash_of(token: str) -> bytes:
    """Return what is stored of a secret. It has 256 random bits: a slow, salted hash would add nothing."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def find(connection: Connection, token: str, *, lock: bool = False) -> Link:
    """Return the link of a secret; with `lock`, nobody else uses it until the commit.

    Raises:
        NotFound: it is forged, damaged, or was forgotten long after it expired.

    """
    if not _SHAPE.fullmatch(token):
        raise NotFound("no such link")
    row = run(
        connection,
        _FIND + " FOR UPDATE" if lock else _FIND,
        h=hash_of(token),
    ).one_or_none()  # fmt: skip
    if row is None:
        raise NotFound("no such link")
    held = run(
        connection, "SELECT * FROM tasuki.assignment WHERE assignment_id = :a", a=row.assignment_id
    ).one_or_none()
    if held is None:
        raise NotFound("no such link")
    return Link(
        bytes(row.token_hash), row.purpose, row.rep, bytes(row.form_key), row.expires_at, row.used_at, held,
        row.channel, row.personal_data,
    )  # fmt: skip


def form_token(link: Link, now: datetime) -> str:
    """Return what the page's form carries: proof that it comes from a page of this link, shown not long ago.

    There is no cookie and no session: the link is the whole authority, so a foreign site that does not know it
    has nothing to ride on. What this stops is a program that knows the URL and posts to it unread.
    """
    shown = str(ms(now))
    return f"{shown}.{_sign(link, shown)}"


def _sign(link: Link, shown: str) -> str:
    return hmac.new(link.form_key, b"form:" + shown.encode(), hashlib.sha256).hexdigest()


def _check_form(link: Link, text: str, now: datetime) -> None:
    shown, _, signature = text.partition(".")
    if not hmac.compare_digest(_sign(link, shown).encode(), signature.encode("utf-8", "replace")):
        raise Stale("the form is not of this page")
    if not 0 <= ms(now) - int(shown) <= FORM_LASTS.total_seconds() * 1000:
        raise Stale("the page is too old")


def use(
    connection: Connection, token: str, form: str, loaded: Loaded, now: datetime,
    *, reason: str | None = None, note: str | None = None,
) -> Answer:  # fmt: skip
    """Carry out what a link is for, once.

    The link's row is locked before the lead: whoever waits for it holds nothing yet.

    Raises:
        NotFound: there is no such link.
        Stale: the form was not made by this link's page, or is too old.
        Closed: the link is used, overtaken or expired, or what it is for was done already.
        Refused: the act itself was refused; the link can be used again.

    """
    link = find(connection, token, lock=True)
    _check_form(link, form, now)
    state = link.state(loaded, now)
    if state != "open":
        raise Closed(state)
    what: Act = link.purpose
    try:
        answer = act(
            connection, link.held.assignment_id, what, loaded, now, rep=link.rep, reason=reason, note=note
        )
    except Overtaken:
        raise Closed("overtaken") from None
    if answer.repeated:
        raise Closed("done" if link.purpose != "decline" else "overtaken")
    run(
        connection, "UPDATE tasuki.link_token SET used_at = :now WHERE token_hash = :h",
        now=now, h=link.token_hash,
    )  # fmt: skip
    run(  # the assignment is locked: its newest act is this one
        connection,
        "UPDATE tasuki.act SET link_channel = :channel"
        " WHERE act_id = (SELECT max(act_id) FROM tasuki.act WHERE assignment_id = :a)",
        channel=link.channel, a=answer.assignment_id,
    )  # fmt: skip
    return answer
