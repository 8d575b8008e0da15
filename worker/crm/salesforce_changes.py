"""What changed in Salesforce since the last look: opportunities, and owners of the records that are leads."""

from datetime import UTC, datetime
from typing import Any, Final, Literal

from simple_salesforce.format import format_soql

from worker.crm.base import Deal, Owned, Page
from worker.crm.mapping import CrmMapping
from worker.crm.salesforce_api import Api

#: Records of one read.
_PAGE: Final = 200
_SHORT, _LONG = 15, 18  # an 18-character id ends in a check of the other 15


def short_id(text: str) -> str:
    """Return the 15-character form of a record id, as `worker.intake.adapters.salesforce` does."""
    return text[:_SHORT] if len(text) == _LONG and text.isascii() and text.isalnum() else text


def read(api: Api, mapping: CrmMapping, cursor: dict[str, Any], since: datetime) -> Page:
    """Read the next opportunities, leads and contacts after the cursor, in the order of their stamps.

    Args:
        api: the connection.
        mapping: names the field of the lost reason, and that of Tasuki's key.
        cursor: object -> [stamp, id] of the last one read.
        since: where to begin without a cursor.

    """
    named = [name for name in (mapping.lost_reason, mapping.currency) if name]
    deal_fields = ["StageName", "IsClosed", "IsWon", "Amount", "OwnerId", *named]
    roles = "(SELECT ContactId, IsPrimary, Contact.Email FROM OpportunityContactRoles)"
    rows, deals_at = _next(api, "Opportunity", [*deal_fields, roles], cursor, since, None)
    converted = _converted(api, [row["Id"] for row in rows])
    deals = tuple(_deal(row, converted.get(row["Id"], []), mapping) for row in rows)
    owned: list[Owned] = []
    moved = {"Opportunity": deals_at}
    more = len(rows) == _PAGE
    for kind in ("Lead", "Contact"):
        records, at = _next(api, kind, ["OwnerId"], cursor, since, f"{mapping.id_field} != null")
        moved[kind] = at
        more = more or len(records) == _PAGE
        owned += [Owned(row["Id"], short_id(row["Id"]), row["OwnerId"], _stamp(row)) for row in records]
    return Page(deals, tuple(owned), {**cursor, **{kind: at for kind, at in moved.items() if at}}, more)


def _next(
    api: Api, kind: str, fields: list[str], cursor: dict[str, Any], since: datetime, only: str | None
) -> tuple[list[dict[str, Any]], list[str] | None]:
    at, last = cursor.get(kind) or [since.astimezone(UTC).isoformat(), ""]
    stamp = datetime.fromisoformat(at)
    # Milliseconds, which the library's own quoting of a datetime would cut.
    literal = stamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    where = f"SystemModstamp > {literal}" + (
        format_soql(f" OR (SystemModstamp = {literal} AND Id > {{}})", last) if last else ""
    )
    where = f"({where})" + (f" AND {only}" if only else "")
    soql = (
        f"SELECT Id, SystemModstamp, {', '.join(fields)} FROM {kind} WHERE {where}"  # noqa: S608 - SOQL, of constants and quoted values
        f" ORDER BY SystemModstamp, Id LIMIT {_PAGE}"
    )
    rows = api.query(soql)
    return rows, [_stamp(rows[-1]).isoformat(), rows[-1]["Id"]] if rows else cursor.get(kind)


def _stamp(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["SystemModstamp"])


def _converted(api: Api, opportunities: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the leads that became these opportunities: most of them know no contact role."""
    if not opportunities:
        return {}
    soql = "SELECT Id, ConvertedContactId, ConvertedOpportunityId, Email FROM Lead WHERE ConvertedOpportunityId IN {}"
    found: dict[str, list[dict[str, Any]]] = {}
    for row in api.query(format_soql(soql, opportunities)):
        found.setdefault(row["ConvertedOpportunityId"], []).append(row)
    return found


def _deal(row: dict[str, Any], leads: list[dict[str, Any]], mapping: CrmMapping) -> Deal:
    roles = sorted(
        (row.get("OpportunityContactRoles") or {}).get("records", []),
        key=lambda role: not role.get("IsPrimary"),
    )
    people = [role["ContactId"] for role in roles]
    people += [one for lead in leads for one in (lead["Id"], lead.get("ConvertedContactId")) if one]
    emails = [(role.get("Contact") or {}).get("Email") for role in roles] + [
        lead.get("Email") for lead in leads
    ]
    status: Literal["opened", "won", "lost"] = (
        "won" if row.get("IsWon") else "lost" if row.get("IsClosed") else "opened"
    )
    return Deal(
        opportunity=short_id(row["Id"]), status=status, at=_stamp(row),
        people=tuple(dict.fromkeys(short_id(one) for one in people)),
        emails=tuple(dict.fromkeys(email.lower() for email in emails if email)),
        amount=row.get("Amount"), reason=row.get(mapping.lost_reason or "") if status == "lost" else None,
        currency=row.get(mapping.currency or ""), owner=row.get("OwnerId"), stage=row.get("StageName"),
    )  # fmt: skip
