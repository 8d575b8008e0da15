"""What changed in HubSpot since the last look: deals, and owners of the contacts that are leads."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from schemas.errors import Refused
from worker.crm.base import Deal, Owned, Page
from worker.crm.hubspot_api import Api
from worker.crm.mapping import CrmMapping

#: HubSpot's search gives no more than this many results of one question.
SEARCH_LIMIT: Final = 10_000
_PAGE: Final = 100

_Row = dict[str, Any]


def read(api: Api, mapping: CrmMapping, cursor: dict[str, Any], since: datetime) -> Page:
    """Read the next deals and contacts after the cursor, in the order of their last change.

    Args:
        api: the connection.
        mapping: names the properties of reason, currency, and Tasuki's key.
        cursor: object -> [ms since 1970, results at that instant that were read].
        since: where to begin without a cursor.

    Raises:
        Refused: more changed at one instant than HubSpot shows.

    """
    named = [name for name in (mapping.lost_reason, mapping.currency) if name]
    names = ["dealstage", "hs_is_closed", "hs_is_closed_won", "amount", "hubspot_owner_id", *named]
    start = [int(since.timestamp() * 1000), 0]
    rows, deals_at = _search(
        api, "deals", _question("hs_lastmodifieddate", names), cursor.get("deals") or start
    )
    question = _question("lastmodifieddate", ["hubspot_owner_id"], mapping.id_field)
    records, contacts_at = _search(api, "contacts", question, cursor.get("contacts") or start)
    people = api.contacts_of([str(row["id"]) for row in rows])
    emails = _emails(api, sorted({one for ids in people.values() for one in ids}))
    return Page(
        deals=tuple(_deal(row, people.get(str(row["id"]), []), emails, mapping) for row in rows),
        owned=tuple(_owned(row) for row in records if row["properties"].get("hubspot_owner_id")),
        cursor={**cursor, "deals": deals_at, "contacts": contacts_at},
        more=len(rows) == _PAGE or len(records) == _PAGE,
    )


def _question(stamp: str, names: list[str], has: str | None = None) -> dict[str, Any]:
    filters = [{"propertyName": stamp, "operator": "GTE"}]
    filters += [{"propertyName": has, "operator": "HAS_PROPERTY"}] if has else []
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": stamp, "direction": "ASCENDING"}],
        "properties": [*names, stamp],
        "limit": _PAGE,
    }


def _search(api: Api, kind: str, question: dict[str, Any], at: list[int]) -> tuple[list[_Row], list[int]]:
    """Ask for the next page by stamp and not by page number, since a search ends at 10,000 results."""
    stamp, skip = at
    if skip + _PAGE > SEARCH_LIMIT:
        raise Refused(
            f"more than {SEARCH_LIMIT} {kind} changed at one instant ({stamp}); HubSpot shows no more"
        )
    by = question["sorts"][0]["propertyName"]
    first, *others = question["filterGroups"][0]["filters"]
    groups = [{"filters": [{**first, "value": str(stamp)}, *others]}]
    rows: list[_Row] = api.search(kind, {**question, "filterGroups": groups, "after": str(skip)}).get(
        "results", []
    )
    if not rows:
        return [], at
    stamps = [int(_at(row["properties"][by]).timestamp() * 1000) for row in rows]
    same = stamps.count(stamps[-1])
    return rows, [stamps[-1], skip + same if stamps[-1] == stamp else same]


def _emails(api: Api, contacts: Sequence[str]) -> dict[str, str]:
    """Return the addresses of contacts: Tasuki may know somebody whom it did not write."""
    found: dict[str, str] = {}
    for start in range(0, len(contacts), _PAGE):
        inputs = [{"id": one} for one in contacts[start : start + _PAGE]]
        for row in api.batch("read", {"properties": ["email"], "inputs": inputs}).get("results", []):
            if row["properties"].get("email"):
                found[str(row["id"])] = str(row["properties"]["email"]).lower()
    return found


def _deal(row: _Row, people: Sequence[str], emails: Mapping[str, str], mapping: CrmMapping) -> Deal:
    said = row["properties"]
    won, closed = said.get("hs_is_closed_won") == "true", said.get("hs_is_closed") == "true"
    return Deal(
        opportunity=str(row["id"]), status="won" if won else "lost" if closed else "opened",
        at=_at(said["hs_lastmodifieddate"]), people=tuple(people),
        emails=tuple(emails[one] for one in people if one in emails), amount=said.get("amount"),
        currency=said.get(mapping.currency or ""), owner=said.get("hubspot_owner_id"), stage=said.get("dealstage"),
        reason=said.get(mapping.lost_reason or "") if closed and not won else None,
    )  # fmt: skip


def _owned(row: _Row) -> Owned:
    said = row["properties"]
    return Owned(str(row["id"]), str(row["id"]), said["hubspot_owner_id"], _at(said["lastmodifieddate"]))


def _at(text: str) -> datetime:
    if text.isascii() and text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    return datetime.fromisoformat(text)
