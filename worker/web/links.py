"""`/l/{token}`: the page that a link in a notice opens, and its button.

Reading changes nothing, by whatever method and however often. Only the POST of the page's own form acts.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from schemas.errors import DealOpen, NotFound, QuotaUsedUp, ReasonNeeded, Refused
from worker import links, rulebooks
from worker.acting import Answer
from worker.links import Link
from worker.logs import get_logger
from worker.now import now
from worker.store.db import in_transaction
from worker.web import link_view
from worker.web.guesses import Guesses, guesses
from worker.web.link_view import Reader
from worker.web.pages import language, page
from worker.web.words import WORDS

log = get_logger()
router = APIRouter(include_in_schema=False)

#: Longest note that a rep may add, in characters.
MAX_NOTE: Final = 1_000
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_GONE: Final = 410
_FIELDS: Final = 10

Count = Annotated[Guesses, Depends(guesses)]


@dataclass(frozen=True, slots=True)
class Sent:
    """What the form sent; blank is not said."""

    form: str
    reason: str | None
    note: str | None


async def _sent(request: Request) -> Sent:
    """Read the form. A browser says where a form comes from: another site's is refused."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != _FORM_TYPE:
        raise HTTPException(415, "send the page's form")
    body = (await request.body()).decode("utf-8", "replace")
    try:
        fields = dict(parse_qsl(body, max_num_fields=_FIELDS))
    except ValueError as error:
        raise HTTPException(400, "send the page's form") from error
    foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    note = "".join(
        ch if ch.isprintable() or ch in "\n\u3000" else " " for ch in fields.get("note", "")
    ).strip()
    return Sent("" if foreign else fields.get("form", ""), fields.get("reason") or None, note or None)


@router.api_route("/l/{token}", methods=["GET", "HEAD"])
def show(request: Request, token: str, count: Count) -> Response:
    """Show the lead and the button, or why there is none."""
    count.check(request)
    try:
        return in_transaction(lambda connection: _show(connection, request, token))
    except NotFound:
        return _forged(request, count)


@router.post("/l/{token}")
def press(request: Request, token: str, count: Count, sent: Annotated[Sent, Depends(_sent)]) -> Response:
    """Carry out what the link is for."""
    count.check(request)
    try:
        answer, response = in_transaction(lambda connection: _press(connection, request, token, sent))
    except NotFound:
        return _forged(request, count)
    except (links.Closed, links.Stale, Refused) as error:
        refusal = error
        return in_transaction(lambda connection: _show(connection, request, token, refusal, sent))
    request.app.state.poker.poke(answer.pools)
    log.info(
        "link.used",
        assignment_id=answer.assignment_id,
        lead_id=answer.lead_id,
        rep=answer.rep,
        what=answer.act,
    )
    return response


def _press(connection: Connection, request: Request, token: str, sent: Sent) -> tuple[Answer, Response]:
    loaded, at = rulebooks.current(connection), now()
    if sent.note is not None and len(sent.note) > MAX_NOTE:
        raise _NoteTooLong
    answer = links.use(connection, token, sent.form, loaded, at, reason=sent.reason, note=sent.note)
    link = links.find(connection, token)
    reader = link_view.reader_of(link, loaded, language(request))
    gave_back = answer.act in ("decline", "recycle")
    then = loaded.book.reasons[sent.reason].then if gave_back and sent.reason else None
    rows = link_view.what_comes_next(connection, link, answer.act, then, reader, at)
    return answer, page(
        request, "link_done.html", reader.lang, title=reader.say(f"{answer.act}.done"), rows=rows,
        number=answer.assignment_id, contacted=_contacted(connection, link, at) if answer.act == "accept" else None,
    )  # fmt: skip


def _contacted(connection: Connection, link: Link, at: datetime) -> str | None:
    """Return a new link to record first contact, seen from this page; it shows no more than the one that was used."""
    one = (link.held.assignment_id, link.rep, "contacted")
    made = links.mint(connection, [one], at, personal={one: link.personal}, channel=link.channel)
    return made[one].rpartition("/")[2] if made else None


class _NoteTooLong(Refused):
    """The note is longer than a page takes."""


def _show(
    connection: Connection, request: Request, token: str, refusal: Refused | None = None, sent: Sent | None = None
) -> Response:  # fmt: skip
    """Return the page; after a refusal with its words, and with what the rep had filled in."""
    loaded, at = rulebooks.current(connection), now()
    link = links.find(connection, token)
    reader = link_view.reader_of(link, loaded, language(request))
    state = link.state(loaded, at)
    if isinstance(refusal, links.Closed):
        state = refusal.state
    if state != "open":
        said = link_view.why_not(connection, link, state, loaded, reader)
        status = 403 if state == "no_rep" else _GONE
        return page(
            request, "link_closed.html", reader.lang, status, title=reader.say(state), said=said,
            number=link.held.assignment_id,
        )  # fmt: skip
    status, alert = _told(refusal, reader)
    gives_back = link.purpose == "decline"
    asked = "recycle" if gives_back and link.held.accepted_at is not None else link.purpose
    return page(
        request, "link.html", reader.lang, status, asked=asked, alert=alert,
        also=link.purpose == "contacted" and link.held.accepted_at is None,
        rows=link_view.lead_rows(connection, link, loaded, reader, at), form=links.form_token(link, at),
        reasons=link_view.reasons(loaded, reader.lang) if gives_back else [], max_note=MAX_NOTE,
        number=link.held.assignment_id, chosen=sent.reason if sent else None, note=(sent and sent.note) or "",
    )  # fmt: skip


def _told(refusal: Refused | None, reader: Reader) -> tuple[int, str]:
    """Return the status and the words of a refusal; none for a page that is only opened."""
    if refusal is None:
        return 200, ""
    if isinstance(refusal, links.Stale):
        return 403, reader.say("stale")
    if isinstance(refusal, ReasonNeeded):
        return 422, reader.say("reason_needed")
    if isinstance(refusal, _NoteTooLong):
        return 422, reader.say("note_long")
    if isinstance(refusal, DealOpen):
        return 409, reader.say("deal_open")
    if isinstance(refusal, QuotaUsedUp):
        if refusal.renews_at is None:
            return 409, reader.say("quota.never")
        return 409, reader.say("quota", quota=refusal.quota, at=reader.at(refusal.renews_at))
    return 409, reader.say("refused")


def _forged(request: Request, count: Guesses) -> Response:
    count.note_wrong(request)
    return closed_page(request, 404, "forged", "forged.words")


def closed_page(request: Request, status: int, title: str, words: str) -> Response:
    """Return a page that only says something, in the browser's language."""
    lang = language(request)
    return page(
        request, "link_closed.html", lang, status, title=WORDS[lang][title],
        said=[WORDS[lang][words]], number=None,
    )  # fmt: skip
