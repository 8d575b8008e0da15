"""Salesforce: Change Data Capture, platform events and outbound messages (read from XML by the registry)."""

from typing import Any, Final

from schemas.errors import NotUnderstood
from worker.intake.adapters.shape import (
    Found,
    an_object,
    each,
    event,
    gather,
    inner,
    instant,
    is_yes,
    key,
    money,
    need_key,
)

#: Status, Rating and OwnerId are the CRM's own.
_PERSON: Final = {
    "Email": "email", "LastName": "family_name", "FirstName": "given_name", "Title": "title",
    "Department": "department", "Phone": "phone", "MobilePhone": "phone", "Company": "company",
    "Website": "company_domain", "NumberOfEmployees": "employees", "Industry": "industry", "State": "region",
    "Country": "country",
}  # fmt: skip
#: Custom fields are named anew in each org. These are the ones we ask for, and the usual names.
_LEAD_EMAILS: Final = ("Lead_Email__c", "Contact_Email__c", "ContactEmail")
_LOSS_REASONS: Final = ("Loss_Reason__c", "Lost_Reason__c", "Closed_Lost_Reason__c", "Reason__c")
_OUTCOMES: Final = {"opened": "opened", "open": "opened", "won": "won", "lost": "lost"}
_SHORT, _LONG = 15, 18  # an 18-character id ends in a check of the other 15


def translate(document: Any, source: str) -> Found:
    """Translate one change or platform event, an array of them, or an outbound message."""
    if isinstance(document, dict) and "Notification" in document:
        return each(document["Notification"], lambda item: _notification(item, source), "Notification")
    items = document if isinstance(document, list) else [document]
    return each(items, lambda item: _streamed(item, source))


def _streamed(item: dict[str, Any], source: str) -> list[dict[str, Any]]:
    payload = inner(item, "data", "payload") or item  # CometD wraps, the Pub/Sub API does not
    header = inner(payload, "ChangeEventHeader")
    if not header:
        return [_platform_event(item, payload, source)]
    entity, change, ids = header.get("entityName"), str(header.get("changeType")), header.get("recordIds")
    if entity not in ("Lead", "Contact", "Opportunity") or change == "DELETE":  # merging records deletes some
        return []
    if change.startswith("GAP_") or not isinstance(ids, list) or any("*" in str(one) for one in ids):
        raise NotUnderstood("ChangeEventHeader", "a gap: the change is not told; read the record again")
    at = instant(header.get("commitTimestamp"), "commitTimestamp")
    transaction = need_key(header.get("transactionKey"), "transactionKey")
    found = []
    for whom in (_short_id(need_key(one, "recordIds")) for one in ids):
        made = key(transaction, header.get("sequenceNumber"), whom)
        for kind, data in _news(str(entity), payload, whom, is_new=change in ("CREATE", "UNDELETE")):
            found.append(event(kind, key=made, source=source, time=at, subject=whom, data=data))
    return found


def _news(
    entity: str, values: dict[str, Any], whom: str, *, is_new: bool
) -> list[tuple[str, dict[str, Any]]]:
    """Return what a changed record says: changes of an opportunity that leave it open are no news."""
    values = {
        name: value for name, value in values.items() if value != "[not provided]"
    }  # for want of a word
    if entity == "Opportunity":
        status = "won" if is_yes(values.get("IsWon")) else "lost" if is_yes(values.get("IsClosed")) else None
        return [(f"outcome.{status or 'opened'}", _deal(values, whom))] if status or is_new else []
    deal = values.get("ConvertedOpportunityId")
    if is_yes(values.get("IsConverted")) and isinstance(deal, str):
        return [("outcome.opened", {**gather(values, _PERSON), "opportunity": _short_id(deal)})]
    data = gather({**values, **inner(values, "Name")}, _PERSON)  # change events keep the name as one compound
    refused = {"email": "HasOptedOutOfEmail", "phone": "DoNotCall"}
    consent = {channel: False for channel, field in refused.items() if is_yes(values.get(field))}
    return [("lead.consent", {**data, "consent": consent}) if consent else ("lead.captured", data)]


def _deal(values: dict[str, Any], opportunity: str) -> dict[str, Any]:
    names = {**dict.fromkeys(_LEAD_EMAILS, "email"), "CurrencyIsoCode": "currency"}
    if is_yes(values.get("IsClosed")):
        names |= dict.fromkeys(_LOSS_REASONS, "reason")
    amount = money(values.get("Amount"), "Amount")
    return {"opportunity": opportunity, "amount": amount, **gather(values, names)}


def _platform_event(item: dict[str, Any], values: dict[str, Any], source: str) -> dict[str, Any]:
    """Read an org's own event by our field names (Lead_Id__c, Outcome__c, Amount__c, Reason__c)."""
    whom = _short_id(need_key(values.get("Lead_Id__c"), "Lead_Id__c"))
    data = gather(values, {**dict.fromkeys(_LEAD_EMAILS, "email"), "Opportunity_Id__c": "opportunity"})
    status = _OUTCOMES.get(str(values.get("Outcome__c")).lower())
    if status:
        data = {"opportunity": whom, "amount": money(values.get("Amount__c"), "Amount__c"), **data}
        data |= gather(values, {"Reason__c": "reason", "Currency__c": "currency"})
    replay = inner(item, "data", "event").get("replayId")
    made = key(item.get("channel"), need_key(replay, "event.replayId"))
    at = instant(values.get("CreatedDate"), "CreatedDate")
    kind = f"outcome.{status}" if status else "lead.captured"
    return event(kind, key=made, source=source, time=at, subject=whom, data=data)


def _notification(item: dict[str, Any], source: str) -> list[dict[str, Any]]:
    made = key(need_key(item.get("Id"), "Id"))
    record = an_object(item.get("sObject"), "sObject")
    whom = _short_id(need_key(record.get("Id"), "sObject.Id"))
    at = instant(record.get("LastModifiedDate"), "sObject.LastModifiedDate")
    news = _news(str(record.get("@type")), record, whom, is_new=True)
    return [event(kind, key=made, source=source, time=at, subject=whom, data=data) for kind, data in news]


def _short_id(text: str) -> str:
    """Return the 15-character form of a record id: ids of 15 and of 18 characters name the same record."""
    return text[:_SHORT] if len(text) == _LONG and text.isascii() and text.isalnum() else text
