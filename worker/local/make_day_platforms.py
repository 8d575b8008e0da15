"""How each platform would have sent what somebody did: real structure, made-up values."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from worker.local import make_day_data as words


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the demo: who they are and where marketing knows them from."""

    number: int
    behaviour: str
    platform: str
    key: str
    email: str
    family: str
    given: str
    title: str
    company: str
    domain: str
    employees: int
    industry: str
    country: str
    region: str
    phone: str

    @property
    def name(self) -> str:
        """The whole name, in the order of the country."""
        return f"{self.family} {self.given}" if self.country == "JP" else f"{self.given} {self.family}"

    @property
    def head_count(self) -> str:
        """The head count as a form's range."""
        return next(text for least, text in words.RANGES if self.employees >= least)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody did, or (`captured`) that marketing learned who they are."""

    at: datetime
    kind: str
    person: Person
    number: int


def compact(document: Any) -> bytes:
    """Return JSON as most platforms write it."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def ms(at: datetime) -> int:
    """Return milliseconds since 1970."""
    return int(at.timestamp() * 1000)


def utc(at: datetime) -> str:
    """Return UTC with a Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def canonical(act: Act, source: str, subject: str | None, *, key: str) -> dict[str, Any]:
    """Return a canonical event."""
    person = act.person
    data: dict[str, Any] = {"email": person.email}
    kind = "lead.activity"
    if act.kind == "captured":
        kind = "lead.captured"
        data |= {
            "family_name": person.family, "given_name": person.given, "title": person.title,
            "company": person.company, "employees": person.employees if act.number % 3 else person.head_count,
            "industry": person.industry, "country": person.country, "region": person.region,
            "phone": person.phone, "language": words.LOCALES[person.country][:2],
        }  # fmt: skip
        if person.email.endswith("@" + person.domain):
            data["company_domain"] = person.domain
    elif act.kind == "unsubscribe":
        kind, data["consent"] = "lead.consent", {"all" if act.number % 2 else "email": False}
    else:
        data["activity"] = act.kind
    found = {
        "id": key,
        "source": source,
        "type": kind,
        "time": act.at.isoformat(),
        "subject": subject,
        "data": data,
    }
    return {name: value for name, value in found.items() if value is not None}


def mautic(act: Act) -> bytes | None:
    """Return a form submission, a page hit or an unsubscription, as PHP writes JSON."""
    person, at = act.person, act.at.astimezone(UTC).isoformat()
    lead = {
        "id": int(person.key),
        "points": 10 + act.number % 60,
        "color": None,
        "fields": _mautic_fields(person),
    }
    if act.kind == "unsubscribe":
        event: dict[str, Any] = {"contact": lead, "channel": "email", "old_status": "contactable",
                                 "new_status": "unsubscribed", "timestamp": at}  # fmt: skip
        return _php({"mautic.lead_channel_subscription_changed": [event]})
    if act.kind in words.FORMS:
        title, alias, path = words.FORMS[act.kind]
        results = {"last_name": person.family, "first_name": person.given, "email": person.email,
                   "company": person.company, "phone": person.phone, "employees": person.head_count}  # fmt: skip
        submission = {
            "id": 20_000 + act.number, "ipAddress": [], "form": {"id": 4, "name": title, "alias": alias, "category": None},
            "lead": lead, "trackingId": f"{act.number:040x}", "dateSubmitted": at,
            "referer": f"https://www.example.co.jp{path}", "page": None, "results": results,
        }  # fmt: skip
        return _php({"mautic.form_on_submit": [{"submission": submission, "timestamp": at}]})
    if act.kind in words.PAGES:
        paths = words.PAGES[act.kind]
        hit = {
            "id": 50_000 + act.number, "dateHit": at, "dateLeft": None, "redirect": None, "email": None, "lead": lead,
            "ipAddress": [], "code": 200, "referer": None, "userAgent": _BROWSER, "trackingId": f"{act.number:040x}",
            "url": f"https://www.example.co.jp{paths[act.number % len(paths)]}",
        }  # fmt: skip
        return _php({"mautic.page_on_hit": [{"hit": hit, "timestamp": at}]})
    return None


def _php(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).replace("/", "\\/").encode()


def _mautic_fields(person: Person) -> dict[str, Any]:
    values = {
        "title": None, "firstname": person.given, "lastname": person.family, "company": person.company,
        "position": person.title or None, "email": person.email, "mobile": None, "phone": person.phone,
        "state": person.region, "country": words.COUNTRY_NAMES[person.country],
        "preferred_locale": words.LOCALES[person.country],
    }  # fmt: skip
    core = {
        alias: {
            "id": number,
            "group": "core",
            "label": alias.title(),
            "alias": alias,
            "type": "text",
            "value": value,
        }
        for number, (alias, value) in enumerate(values.items(), start=1)
    }
    return {"core": core, "social": [], "personal": [], "professional": []}


def hubspot(act: Act) -> bytes | None:
    """Return a batch of property changes (newest first), or a form submission as it is polled."""
    person = act.person
    changes = {"captured": {
        "lifecyclestage": "lead", "numemployees": person.head_count, "country": words.COUNTRY_NAMES[person.country],
        "company": person.company, "jobtitle": person.title, "phone": person.phone,
        "lastname": person.family, "firstname": person.given, "email": person.email,
    }, "unsubscribe": {"hs_email_optout": "true"}}.get(act.kind)  # fmt: skip
    if changes is not None:
        batch = [
            {"eventId": 3_900_000_000 + act.number * 20 + index, "subscriptionId": 2_500_000 + index,
             "portalId": 49_000_001, "appId": 7_100_001, "occurredAt": ms(act.at) - index * 7,
             "subscriptionType": "contact.propertyChange", "attemptNumber": 0, "objectId": int(person.key),
             "propertyName": name, "propertyValue": value, "changeSource": "FORM"}
            for index, (name, value) in enumerate(changes.items())
        ]  # fmt: skip
        return compact(batch)
    if act.kind not in words.FORMS:
        return None
    path = words.FORMS[act.kind][2].replace("/resources/guide", "/resources/download")
    said = {
        "email": person.email,
        "lastname": person.family,
        "firstname": person.given,
        "company": person.company,
    }
    submission = {
        "conversionId": f"11111111-2222-4333-8444-{act.number:012}", "submittedAt": ms(act.at),
        "values": [{"name": name, "value": value} for name, value in said.items()],
        "pageUrl": f"https://www.example.co.jp{path}",
    }  # fmt: skip
    return compact({"results": [submission]})


def segment(act: Act) -> dict[str, Any] | None:
    """Return an identify or track message."""
    person = act.person
    if act.kind not in words.TRACKS and act.kind != "captured":
        return None
    at = act.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.720Z")
    context = {"ip": "192.0.2.10", "locale": words.LOCALES[person.country].replace("_", "-"),
               "library": {"name": "analytics.js", "version": "2.11.1"}}  # fmt: skip
    message = {"version": 1, "type": "track", "userId": person.key, "anonymousId": f"anon-{person.number:06}",
               "messageId": f"ajs-{act.number:032x}", "context": context}  # fmt: skip
    if act.kind == "captured":
        company = {"name": person.company, "industry": person.industry, "employee_count": person.employees}
        traits = {"email": person.email, "firstName": person.given, "lastName": person.family, "title": person.title,
                  "phone": person.phone, "country": person.country, "region": person.region, "company": company}  # fmt: skip
        return {**message, "type": "identify", "traits": traits, "timestamp": at}
    return {**message, "event": words.TRACKS[act.kind], "properties": {"plan": "enterprise"}, "timestamp": at}


#: A browser's; bare "Mozilla/5.0" is what a mail proxy calls itself.
_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
_MARKETO_TYPES = {
    "email_open": (10, "Open Email"),
    "email_click": (11, "Click Email"),
    "unsubscribe": (9, "Unsubscribe Email"),
}


def marketo(act: Act) -> dict[str, Any] | None:
    """Return an activity in its stream envelope."""
    paths, form = words.PAGES.get(act.kind), words.FORMS.get(act.kind)
    if paths:
        number, name, subject = 1, "Visit Webpage", paths[act.number % len(paths)]
    elif form:
        number, name, subject = 2, "Fill Out Form", form[0]
    elif act.kind in _MARKETO_TYPES:
        (number, name), subject = _MARKETO_TYPES[act.kind], "11月メールマガジン"
    else:
        return None
    at = utc(act.at)
    attributes = [{"name": "Client IP Address", "dataType": "string", "value": "198.51.100.7"},
                  {"name": "User Agent", "dataType": "string", "value": "Mozilla/5.0"}]  # fmt: skip
    data = {"munchkinId": "123-ABC-456", "leadId": act.person.key, "activityDate": at, "activityTypeId": number,
            "activityType": name, "activityLogItemId": 1_300_000_000 + act.number,
            "primaryAttributeValue": subject, "attributes": attributes}  # fmt: skip
    return {"eventid": f"ec2c6092-1e94-45e9-b2dd-{act.number:012x}", "specversion": "1.0",
            "type": f"com.adobe.platform.marketo.activity.standard.{name.replace(' ', '').lower()}",
            "source": "urn:marketo_activity_stream", "id": f"a1764870-4f4b-4f8c-82d6-{act.number:012x}", "time": at,
            "datacontenttype": "application/json", "data": data, "recipientclientid": "test-client-id"}  # fmt: skip


def marketo_lead(act: Act) -> bytes:
    """Return a lead as it is read back over REST."""
    person = act.person
    lead = {"id": int(person.key), "updatedAt": utc(act.at), "lastName": person.family, "email": person.email,
            "createdAt": utc(act.at), "firstName": person.given, "company": person.company, "title": person.title,
            "phone": person.phone, "numberOfEmployees": person.employees, "state": person.region,
            "country": words.COUNTRY_NAMES[person.country], "leadScore": 10 + act.number % 80,
            "unsubscribed": False, "industry": person.industry}  # fmt: skip
    return compact({"requestId": f"{act.number:x}#15699db5c97", "result": [lead], "success": True})


def meta(act: Act) -> bytes:
    """Return a lead as it is read back from the Graph API, ASCII only."""
    person = act.person
    said = {"full_name": person.name, "email": person.email, "phone_number": person.phone, "state": person.region,
            "company_name": person.company, "job_title": person.title, "country": person.country}  # fmt: skip
    answers = [{"name": name, "values": [value]} for name, value in said.items()]
    lead = {"created_time": act.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000"), "id": person.key,
            "ad_id": "120200000000001", "form_id": "1616801872291121", "field_data": answers}  # fmt: skip
    return json.dumps(lead, separators=(",", ":")).encode()


def salesforce(act: Act, entity: str, change: str, record: str, fields: dict[str, Any]) -> bytes:
    """Return a change event as CometD gives it."""
    header = {"commitNumber": 1_100_638_000_000 + act.number, "commitUser": "005000000000001AAA", "sequenceNumber": 1,
              "entityName": entity, "changeType": change, "changedFields": list(fields),
              "changeOrigin": "com/salesforce/api/soap/60.0;client=SfdcInternalAPI/",
              "transactionKey": f"000267d5-1ab2-e18a-f726-{act.number:012x}", "commitTimestamp": ms(act.at),
              "recordIds": [record]}  # fmt: skip
    payload = {"ChangeEventHeader": header, **fields, "LastModifiedDate": utc(act.at)}
    data = {
        "schema": "IeRuaY6cbI_HsV8Rv1Mc5g",
        "payload": payload,
        "event": {"replayId": 33_000_000 + act.number},
    }
    return compact({"data": data, "channel": f"/data/{entity}ChangeEvent"})
