"""Which account each lead of a batch belongs to: known ones by their identities, new ones opened.

Asked for leads whose company facts changed; one statement reads, one writes what is new, whatever the size of
the batch.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from routing_rules.accounts import (
    COMPANY_FACTS,
    Account,
    Candidate,
    Match,
    bridged,
    candidate_of,
    is_plainly_of,
    match,
    name_key,
    new_key,
)
from schemas.lead import LeadState
from worker.enrichment.noting import note_questions
from worker.store import accounts
from worker.store.accounts import BRIDGE, Key, Near, Row
from worker.store.leads import LeadRow

#: Names that are kept of one account; more are a form's noise.
MAX_NAMES: Final = 40
#: Accounts that are listed of all that a lead or a new account may be: a common name is many companies'.
MAX_LISTED: Final = 10
_NONE: Final = Match(None, None)
#: Said by people, so sure: how a candidate is listed that shares hard evidence.
_SCORES: Final = {"corporate_number": 100.0, "domain": 90.0, "name": 80.0}


def company_facts(state: LeadState) -> tuple[Any, ...]:
    """Return the words of a lead that decide its account; equal ones decide alike."""
    return tuple(map(state.facts.get, COMPANY_FACTS))


def find_accounts(
    connection: Connection, rows: Sequence[LeadRow], now: datetime, *, asks: bool = True
) -> None:
    """Set account and account owner of each lead whose company facts changed, or that is new.

    With `asks`, outside sources are to be asked of them.
    """
    changed = [
        row for row in rows
        if row.is_new or (row.company_before is not None and _changed(row.company_before, row.state))
    ]  # fmt: skip
    if changed:
        _place(connection, changed, now, asks=asks)
    for row in rows:
        row.account_owner = row.state.fact("account_owner") or row.account_owner


def _changed(before: tuple[Any, ...], state: LeadState) -> bool:
    """Tell whether a word differs; a word that was only said again, later, does not."""
    return any(
        (one and one[1]) != (other and other[1])
        for one, other in zip(before, company_facts(state), strict=True)
        if one is not other
    )


def _place(connection: Connection, rows: list[LeadRow], now: datetime, *, asks: bool) -> None:
    known = [row.lead_id for row in rows if not row.is_new]
    pinned = accounts.pins(connection, known) if known else {}
    said = [(row, candidate_of(row.state)) for row in rows if row.lead_id not in pinned]
    keys = {key for _, candidate in said for key in _keys(candidate)}
    near = accounts.near(connection, keys) if keys else Near()
    learned: list[Row] = []
    maybe: list[tuple[str, str, str, float]] = []
    for row, candidate in said:
        key = _account(candidate, near, learned, maybe, row.lead_id)
        row.account_key = key
        row.account_owner = None if key is None else near.owners.get(key)
    if asks:
        note_questions(
            connection,
            ((row.lead_id, candidate.corporate_number, candidate.domain) for row, candidate in said),
            now,
        )
    if learned:
        accounts.insert_identities(connection, learned, int(now.timestamp() * 1000))
    if maybe:
        accounts.insert_candidates(connection, maybe, now)


def _keys(candidate: Candidate) -> list[Key]:
    number, domain, company, _ = candidate
    found = []
    if number is not None:
        found.append(("corporate_number", number))
    if domain is not None:
        found.append(("domain", domain))
    if company is not None:
        found.append(("name", company.name))
    return found


def _account(
    candidate: Candidate,
    near: Near,
    learned: list[Row],
    maybe: list[tuple[str, str, str, float]],
    lead_id: int,
) -> str | None:
    """Return the account of a lead, opened where it has none, and note what is learned by it."""
    if candidate.domain is not None:
        alone = near.having.get(("domain", candidate.domain))
        if alone is not None and len(alone) == 1 and is_plainly_of(candidate, alone[0]):
            return alone[0].key
    keys = _keys(candidate)
    if not keys:
        return None
    found = [account for key in keys for account in near.having.get(key, ())]
    chosen = match(candidate, found) if found else _NONE
    key = chosen.account or _open(candidate, chosen, near)
    if chosen.account is None:
        one = f"lead:{lead_id}" if key is None else key
        maybe.extend(
            (one, other, because, _SCORES[because]) for other, because in chosen.candidates[:MAX_LISTED]
        )
    elif candidate.company is not None:
        named = near.having.get(("name", candidate.company.name), ())
        if any(account.key != chosen.account for account in named):
            same = bridged(candidate, chosen.account, named)
            maybe.extend((chosen.account, other, BRIDGE, 99.0) for other in same)
    if key is not None:
        _learn(key, candidate, near, learned)
    return key


def _open(candidate: Candidate, chosen: Match, near: Near) -> str | None:
    """Return the key of a new account, None where what the lead says fits several or is not enough.

    A domain that is another company's of the group does not name it; its own name does.
    """
    names = [because for _, because in chosen.candidates if because == "name"]
    if candidate.corporate_number is None and candidate.domain is None and len(names) > 1:
        return None
    key = new_key(candidate)
    if key is not None and key in near.accounts:
        key = name_key(candidate.company, candidate.place)
    return None if key is None or key in near.accounts else key


def _learn(key: str, candidate: Candidate, near: Near, learned: list[Row]) -> None:
    """Note the identities of a lead as its account's, where nothing speaks against it."""
    account = near.accounts.get(key)
    number, domain, company, place = candidate
    if number is not None and (account is None or not account.numbers):
        _note("corporate_number", number, "", "", key, near, learned)
    if domain is not None and (number is not None or not _others(near, ("domain", domain), key)):
        _note("domain", domain, "", "", key, near, learned)
    if company is not None and (account is None or len(account.names) < MAX_NAMES):
        _note("name", company.name, place, company.form or "", key, near, learned)


def _others(near: Near, identity: Key, key: str) -> list[Account]:
    return [account for account in near.having.get(identity, ()) if account.key != key]


def _note(kind: str, value: str, place: str, form: str, key: str, near: Near, learned: list[Row]) -> None:
    if near.add(kind, value, place, form, key):
        learned.append((kind, value, place, form, key))
