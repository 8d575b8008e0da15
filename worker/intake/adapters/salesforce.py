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
#: Ids of opportunities begin so.
_OPPORTUNITY: Final = "006"
#: Results of a call in which nobody was spoken to; each org words its own.
_NOT_REACHED: Final = (
    "no answer",
    "voicemail",
    "voice mail",
    "left message",
    "busy",
    "wrong number",
    "不在",
    "留守",
    "応答なし",
    "話中",
)
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
    if (
        entity not in ("Lead", "Contact", "Opportunity", "Task", "Event") or change == "DELETE"
    ):  # merging records deletes some
        return []
    if change.startswith("GAP_") or not isinstance(ids, list) or any("*" in str(one) for one in ids):
        raise NotUnderstood("ChangeEventHeader", "a gap: the change is not told; read the record again")
    at = instant(header.get("commitTimestamp"), "commitTimestamp")
    transaction = need_key(header.get("transactionKey"), "transactionKey")
    if entity in ("Task", "Event"):
        return _activities(str(entity), payload, header, at, source)
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


def _activities(
    entity: str, values: dict[str, Any], header: dict[str, Any], at: str, source: str
) -> list[dict[str, Any]]:
    """Read what a rep did; a change that does not say of whom, and what is still to be done, are no news."""
    whom, what = values.get("WhoId"), _sales_activity(entity, values, at)
    if what is None or not isinstance(whom, str):
        return []
    data = {"sales_activity": what, "by": values.get("OwnerId")}
    deal = values.get("WhatId")
    if isinstance(deal, str) and deal.startswith(_OPPORTUNITY):
        data["opportunity"] = _short_id(deal)
    done = values.get("CompletedDateTime") or values.get("EndDateTime")
    when = at if done is None else min(at, instant(done, "CompletedDateTime"))
    found = []
    for one in header["recordIds"]:
        made = key(entity, _short_id(need_key(one, "recordIds")), what)  # one act, however often it is saved
        told = event(
            "outcome.activity", key=made, source=source, time=when, subject=_short_id(whom), data=data
        )
        found.append(told if done is not None else {**told, "dated_by": "arrival"})
    return found


def _sales_activity(entity: str, values: dict[str, Any], at: str) -> str | None:
    if entity == "Event":
        end = values.get("EndDateTime")
        return "meeting_held" if end is not None and instant(end, "EndDateTime") <= at else None
    if not (is_yes(values.get("IsClosed")) or values.get("Status") in ("Completed", "完了")):
        return None
    if values.get("TaskSubtype") == "Call":
        said = str(values.get("CallDisposition") or "").lower()
        return "no_answer" if any(word in said for word in _NOT_REACHED) else "call_made"
    return "mail_sent" if values.get("TaskSubtype") == "Email" else None


def _deal(values: dict[str, Any], opportunity: str) -> dict[str, Any]:
    names = {
        **dict.fromkeys(_LEAD_EMAILS, "email"),
        "CurrencyIsoCode": "currency",
        "StageName": "opportunity_stage",
    }
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
    record = an_object(item.get("sObject"), "sObject")
    whom = _short_id(need_key(record.get("Id"), "sObject.Id"))
    at = instant(record.get("LastModifiedDate"), "sObject.LastModifiedDate")
    made = key(need_key(item.get("Id"), "Id"), at)  # a repeat carries the record of now, and may tell more
    news = _news(str(record.get("@type")), record, whom, is_new=True)
    return [event(kind, key=made, source=source, time=at, subject=whom, data=data) for kind, data in news]


def _short_id(text: str) -> str:
    """Return the 15-character form of a record id: ids of 15 and of 18 characters name the same record."""
    return text[:_SHORT] if len(text) == _LONG and text.isascii() and text.isalnum() else text
