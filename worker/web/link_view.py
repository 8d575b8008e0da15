"""What a link's page shows: the lead in one screen, or why the link cannot act.

Of the lead it shows what the channel may show by which the link went: whoever reads the channel can open it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from routing_rules.explain import buying_stage_name, route_name, rule_name
from routing_rules.facts import DAY_MS
from routing_rules.outreach_words import answer_words, channel_words
from routing_rules.strategy_words import why_you_words
from schemas.base import Lang
from worker.links import Link, State
from worker.names import name_of
from worker.notices import compose
from worker.notices.sheet import shown
from worker.outreach import ask_all, asked_now
from worker.rulebooks import Loaded
from worker.store import leads, reading
from worker.store.rows import ms
from worker.web.pages import local
from worker.web.words import WORDS, end_words

#: Acts of the lead that are shown.
_NEWEST: Final = 3
_UTC: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a page is for: language and zone."""

    lang: Lang
    zone: ZoneInfo

    def at(self, at: datetime) -> str:
        """Return an instant in their words."""
        return local(at, self.zone, self.lang)

    def say(self, name: str, **values: Any) -> str:
        """Return words in their language."""
        return WORDS[self.lang][name].format(**values)


def reader_of(link: Link, loaded: Loaded, otherwise: Lang) -> Reader:
    """Return the link's rep as the reader; a rep who left reads in their browser's language, in UTC."""
    rep = loaded.team.reps.get(link.rep)
    return Reader(otherwise, _UTC) if rep is None else Reader(rep.spec.language, rep.calendar.zone)


def lead_rows(
    connection: Connection, link: Link, loaded: Loaded, reader: Reader, now: datetime
) -> list[tuple[str, str]]:
    """Return what the rep needs to choose, by the channel's policy: label and words. Addresses are not among them."""
    held, lang = link.held, reader.lang
    row = leads.read_lead(connection, held.lead_id)
    if row is None:
        return []
    state, standing = row.state, row.standing
    book = loaded.book
    pool = loaded.team.pools.get(held.pool)
    place = pool.name.say(lang) if pool is not None else held.pool
    acts = compose.activities(state, compose.by_people(state, loaded), loaded, ms(now) // DAY_MS)[:_NEWEST]
    did = [
        f"{one['name'][lang]} ({reader.at(datetime.fromtimestamp(one['at_ms'] / 1000, UTC))})" for one in acts
    ]
    stage = buying_stage_name(standing.buying_stage, book, lang) if standing.buying_stage else None
    lead = shown(
        {
            "name": name_of(state) or reader.say("unnamed"), "company": state.fact("company"),
            "department": state.fact("department"), "title": state.fact("title"),
            "activities": "、".join(did) if lang == "ja" else "; ".join(did),
        },
        link.personal,
    )  # fmt: skip
    rows = [
        ("who", lead.get("name") or reader.say("hidden.who", lead=held.lead_id)),
        ("company", lead.get("company")),
        ("title", " ".join(part for part in (lead.get("department"), lead.get("title")) if part)),
        ("why_you", why_you_words(held.strategy, place, route_name(held.rule, book, lang), lang)),
        ("why_now", rule_name(reading.ready_rule(connection, held.lead_id), book, lang)),
        ("judged", " / ".join(part for part in (standing.fit_grade, stage) if part)),
        ("did", lead.get("activities")),
        ("due", _due(reading.standing(connection, held.assignment_id), reader, now)),
    ]
    return [(reader.say(name), words) for name, words in rows if words]


def _due(stands: dict[str, Any], reader: Reader, now: datetime) -> str:
    due_at = stands["due_at"]
    if due_at is None:
        return ""
    return reader.at(due_at) + (f" ({reader.say('overdue')})" if due_at <= now else "")


def reasons(loaded: Loaded, lang: Lang) -> list[tuple[str, str]]:
    """Return the rulebook's reasons: code, and name with what follows."""
    return [
        (code, f"{reason.name.say(lang)} → {WORDS[lang][f'then.{reason.then}']}")
        for code, reason in loaded.book.reasons.items()
    ]


def what_comes_next(
    connection: Connection, link: Link, act: str, then: str | None, reader: Reader, now: datetime
) -> list[tuple[str, str]]:
    """Return what the rep does now that the act is done; after an acceptance with the permitted addresses.

    They are permitted by the outreach gate, and by the channel that the link went by.
    """
    if then is not None:
        return [(reader.say("next"), reader.say(f"next.{then}"))]
    if act == "contacted":
        return [(reader.say("next"), reader.say("next.contacted"))]
    due_at = reading.standing(connection, link.held.assignment_id)["due_at"]
    words = reader.say("next.contact_by", at=reader.at(due_at)) if due_at else reader.say("next.contact")
    return [(reader.say("next"), words), *_by_which_way(connection, link, reader, now)]


def _by_which_way(connection: Connection, link: Link, reader: Reader, now: datetime) -> list[tuple[str, str]]:
    """Return the addresses that may be used now, and of every other channel why it may not."""
    lead_id = link.held.lead_id
    row = leads.read_lead(connection, lead_id)
    answer = ask_all(connection, [lead_id], asked_now(connection, now, link.rep)).get(lead_id)
    if row is None or answer is None:
        return []
    rows = []
    if answer.channels:
        addresses = {channel: str(row.state.fact(channel)) for channel in answer.channels}
        told = " / ".join(shown(addresses, link.personal).values())
        rows.append((reader.say("contact"), told or reader.say("hidden.contact", lead=lead_id)))
    closed = [channel_words(one, reader.lang, reader.zone) for one in answer.by_channel if not one.may] or (
        [] if answer.may_contact else [answer_words(answer, reader.lang, reader.zone)]
    )
    return rows + [(reader.say("contact.closed"), words) for words in closed]


def why_not(connection: Connection, link: Link, state: State, loaded: Loaded, reader: Reader) -> list[str]:
    """Say why the link cannot act, and how the lead stands as far as its rep may know."""
    stands = reading.standing(connection, link.held.assignment_id)
    at = {
        "used": link.used_at,
        "done": stands["contacted_at"] if link.purpose == "contacted" else stands["accepted_at"],
        "expired": link.expires_at,
        "overtaken": stands["ended_at"],
    }.get(state)
    how = end_words(stands["end_reason"] or "", reader.lang)
    said = [reader.say(f"{state}.words", at=reader.at(at) if at else "", how=how)]
    if state in ("used", "done") and stands["ended_at"] is None:
        if stands["due_at"] is not None:
            said.append(reader.say("next.contact_by", at=reader.at(stands["due_at"])))
    elif state in ("used", "overtaken") and stands["ended_at"] is not None:
        said.append(_where_it_is(link, stands, loaded, reader))
    return said


def _where_it_is(link: Link, stands: dict[str, Any], loaded: Loaded, reader: Reader) -> str:
    """Say who has the lead now: by name to a colleague of one pool; of a lead in nurture nothing is told."""
    now_with = stands["now_with"]
    if now_with is None:
        return reader.say("now.waits" if stands["waits"] else "now.away")
    together = any(
        {link.rep, now_with} <= {pool.manager, *(member.rep for member in pool.members)}
        for pool in loaded.team.pools.values()
    )
    if not together:
        return reader.say("now.elsewhere")
    rep = loaded.team.reps.get(now_with)
    return reader.say("now.with", rep=rep.spec.name.say(reader.lang) if rep else now_with)
