"""What a lead can do. Any well-formed kind is counted; the rulebook says which ones earn points."""

from typing import Annotated, Final, Literal

from pydantic import Field

#: An activity kind: lower-case words joined by underscores.
ActivityKind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,63}$")]

#: Kinds that are an explicit wish to talk to somebody.
HAND_RAISES: Final = frozenset({"demo_request", "contact_request", "trial_request", "quote_request"})

#: What a rep did, as the CRM tells it. It is no doing of the lead, and earns no points.
SalesActivity = Literal["call_made", "no_answer", "mail_sent", "meeting_held"]

#: Kinds that we do, or that a mail program does: no sign that somebody is there, and nobody wakes by them.
NOT_THE_LEADS_DOING: Final = frozenset({"email_sent", "email_open", "email_bounce"})

#: Kinds that Tasuki's own adapters send, so that lint can tell a typing error from a kind of one's own.
KNOWN_KINDS: Final = HAND_RAISES | {
    "page_view",
    "pricing_view",
    "case_study_view",
    "careers_view",
    "email_sent",
    "email_open",
    "email_click",
    "email_bounce",
    "unsubscribe",
    "form_submit",
    "whitepaper_download",
    "newsletter_signup",
    "webinar_registered",
    "webinar_attended",
    "event_attended",
    "trial_started",
    "product_login",
}
