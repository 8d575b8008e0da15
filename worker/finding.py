"""Leads that may be one person, for people to decide: the same phone and the same name.

A phone alone is nobody's: a company's number is shared by all who work there.
"""

import unicodedata
from collections import defaultdict
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import phonenumbers
from sqlalchemy import Connection

from worker.store import leads
from worker.store.db import run
from worker.store.rows import as_json

#: More leads than this with one number are a switchboard's.
SHARED_BY: Final = 20
#: Leads read at a time.
SOME: Final = 5_000


@lru_cache(maxsize=65_536)
def e164(phone: str, country: str | None) -> str | None:
    """Return a number in E.164 (+81312345678), None where it is no possible number.

    Args:
        phone: as somebody typed it, in any width.
        country: where it is dialled from when it has no prefix; Japan where nobody said.

    """
    try:
        number = phonenumbers.parse(unicodedata.normalize("NFKC", phone[:60]), country or "JP")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def people_by_phone(connection: Connection, now: datetime) -> int:
    """List pairs of leads with one phone number and one name; return how many pairs were found."""
    by_phone: dict[str, list[tuple[int, frozenset[str]]]] = defaultdict(list)
    last = 0
    while rows := run(
        connection,
        "SELECT lead_id, state FROM tasuki.lead WHERE merged_into IS NULL AND lead_id > :last"
        " AND state LIKE '%\"phone\"%' ORDER BY lead_id LIMIT :n",
        last=last, n=SOME,
    ).all():  # fmt: skip
        last = rows[-1].lead_id
        for row in rows:
            state = leads.decode_state(row.state)
            phone = state.fact("phone")
            number = e164(phone, state.fact("country")) if phone else None
            names = _names(state.fact("name"), state.fact("family_name"), state.fact("given_name"))
            if number is not None and names:
                by_phone[number].append((row.lead_id, names))
    pairs = [
        {"a": one, "b": other}
        for people in by_phone.values() if len(people) <= SHARED_BY
        for at, (one, names) in enumerate(people)
        for other, others in people[at + 1 :]
        if names & others
    ]  # fmt: skip
    run(
        connection,
        "INSERT INTO tasuki.merge_candidate (lead_a, lead_b, because, seen_at)"
        " SELECT r.a, r.b, 'phone_and_name', :now FROM json_to_recordset(cast(:rows AS json)) AS r(a bigint, b bigint)"
        " WHERE NOT EXISTS (SELECT 1 FROM tasuki.merge_candidate m WHERE m.lead_a = r.b AND m.lead_b = r.a)"
        " ON CONFLICT DO NOTHING",
        now=now, rows=as_json(pairs),
    )  # fmt: skip
    return len(pairs)


def _names(name: str | None, family: str | None, given: str | None) -> frozenset[str]:
    """Return the ways in which a person's whole name is written, without blanks and order."""
    found = set()
    if name:
        found.add(_plain(name))
    if family and given:
        found.update((_plain(family + given), _plain(given + family)))
    return frozenset(found - {""})


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKC", name[:200]).casefold()
    return "".join(letter for letter in text if letter.isalnum())


def candidates(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Return pairs of leads that may be one person and were not settled, the newest first."""
    rows = run(
        connection,
        "SELECT m.lead_a, a.email AS email_a, m.lead_b, b.email AS email_b, m.because, m.seen_at"
        " FROM tasuki.merge_candidate m JOIN tasuki.lead a ON a.lead_id = m.lead_a"
        " JOIN tasuki.lead b ON b.lead_id = m.lead_b"
        " WHERE m.settled IS NULL AND a.merged_into IS NULL AND b.merged_into IS NULL"
        " ORDER BY m.seen_at DESC, m.lead_a, m.lead_b LIMIT :n",
        n=limit,
    )
    return [dict(row) for row in rows.mappings()]


def merges(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Return merges of leads, undone ones included, the newest first."""
    rows = run(
        connection,
        "SELECT merge_id, kept, merged, because, by, at, undone_at, undone_by FROM tasuki.lead_merge"
        " ORDER BY merge_id DESC LIMIT :n",
        n=limit,
    )
    return [dict(row) for row in rows.mappings()]
