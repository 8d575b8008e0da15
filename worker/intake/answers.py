"""Which status each platform gets in each situation, and why. The reasons are research/ma-platforms.md's.

Three rules hold for all: 401 is for senders who did not prove themselves; what is genuine and cannot be used
is answered 2xx and goes to quarantine; 404 and 410 are never sent, for they switch webhooks off.
"""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal

from worker.intake.request import Answer

Situation = Literal[
    "accepted", "unproven", "unfit", "too_large", "unsupported", "wrong_method", "too_many", "away"
]
#: Prefix of the `type` of a problem document (RFC 9457).
TYPE: Final = "urn:tasuki:problem:"
#: Seconds after which a sender may try again.
RETRY_AFTER_S: Final = 5
#: The same where a person has to set something first.
SET_UP_AFTER_S: Final = 300
_SOAP_ACK: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
    b"</notificationsResponse></soapenv:Body></soapenv:Envelope>"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. A status of None: this situation does not arise, the event is taken."""

    status: int | None
    why: str


DEFAULT: Final[dict[Situation, Row]] = {
    "accepted": Row(200, "every platform takes 200; some take no other 2xx"),
    "unproven": Row(401, "nobody proved anything; nothing is kept"),
    "unfit": Row(200, "genuine: a 4xx would be repeated, or switch the webhook off; it goes to quarantine"),
    "too_large": Row(413, "not read to its end, so nobody can tell who sent it"),
    "unsupported": Row(415, "a coding of the body that nobody announced"),
    "wrong_method": Row(405, "only POST carries events"),
    "too_many": Row(429, "repeated later by whoever repeats"),
    "away": Row(503, "repeated later by whoever repeats"),
}
#: The status that tells a sender what is unfit; then nothing is kept.
TELL: Final = 422
_TELL: Final = Row(TELL, "a program of one's own: whoever wrote it reads the answer")
_NEVER_REPEATS: Final = Row(None, "never repeated: a refusal would lose the event")
TABLE: Final[dict[str, dict[Situation, Row]]] = {
    "hubspot": {"unfit": Row(200, "every 4xx is repeated ten times within 24 h, with its whole batch")},
    "mautic": {
        "unfit": Row(200, "100 failures unpublish the webhook"),
        "too_many": Row(None, "older versions delete the events before they read the status"),
    },
    "marketo": {
        "accepted": Row(200, "with a body: an empty answer is error 1001"),
        "too_many": _NEVER_REPEATS,
    },
    "marketo_stream": {"away": Row(503, "429 and 5xx are repeated for 24 h, other 4xx are dropped")},
    "salesforce": {
        "accepted": Row(200, "with <Ack>true</Ack>: any other answer is repeated for 24 h"),
        "unfit": Row(200, "with <Ack>true</Ack>: any other answer is repeated for 24 h"),
    },
    "segment": {"away": Row(503, "repeated for 4 h")},
    "activecampaign": {
        "too_many": _NEVER_REPEATS,
        "away": Row(503, "never repeated: the spool stands between"),
    },
    "meta": {"away": Row(503, "repeated at once, then ever rarer for 36 h")},
    "linkedin": {"away": Row(503, "three failures block the webhook")},
    "brevo": {
        "away": Row(429, "any 5xx and any 4xx but 429 drops the event"),
        "too_many": Row(429, "any 5xx and any 4xx but 429 drops the event"),
    },
    "mailchimp": {"away": Row(503, "repeated for about 75 minutes")},
    "customerio": {"unfit": Row(200, "a stuck event holds back those behind it for 7 days")},
    "calendly": {"unfit": Row(200, "after 24 h of refusals the webhook is switched off for good")},
    "intercom": {"unfit": Row(200, "1,000 errors within 15 min pause the webhook, 7 days suspend it")},
    "typeform": {"away": Row(503, "408, 423, 429 and 503 are repeated for 10 h; 404 and 410 switch off")},
    "cloudevents": {"unfit": _TELL},
    "standard_webhooks": {"unfit": _TELL},
}


def row(platform: str, situation: Situation) -> Row:
    """Return what a platform gets in a situation."""
    return TABLE.get(platform, {}).get(situation, DEFAULT[situation])


def taken(
    platform: str, *, soap: bool = False, situation: Situation = "accepted", reason: str = ""
) -> Answer:
    """Answer that an event is safe (or, if `unfit`, that it is kept to be mended)."""
    status = row(platform, situation).status or 200
    if soap:
        return Answer(status, {"Content-Type": "text/xml; charset=utf-8"}, _SOAP_ACK, situation, reason)
    return Answer(status, {"Content-Type": "application/json"}, b'{"accepted":true}', situation, reason)


def without_sources(name: str, detail: str) -> Answer:
    """Answer where this process knows no source at all: nobody can be proved genuine, and it will be mended.

    A refusal (401, 404) would have platforms drop the event or switch the webhook off, so they are told to come
    again, each as it takes that: a source that bears its platform's name is taken for one of it.
    """
    return refused(name, "away", detail, retry_after_s=SET_UP_AFTER_S)


def refused(platform: str, situation: Situation, detail: str, *, retry_after_s: int | None = None) -> Answer:
    """Answer with a problem document. What an unproven sender is told never says what was wrong."""
    status = row(platform, situation).status or int(DEFAULT[situation].status or 500)
    headers = {"Content-Type": "application/problem+json"}
    if situation in ("too_many", "away"):
        wait = retry_after_s or RETRY_AFTER_S
        # HubSpot's workflows read Retry-After in milliseconds.
        headers["Retry-After"] = str(wait * 1000 if platform == "hubspot" else wait)
    if situation == "wrong_method":
        headers["Allow"] = "POST"
    said = "the sender did not prove itself" if situation == "unproven" else detail
    document = {
        "type": TYPE + situation.replace("_", "-"), "title": HTTPStatus(status).phrase, "status": status,
        "detail": said,
    }  # fmt: skip
    return Answer(status, headers, json.dumps(document).encode(), situation, detail)
