"""The platforms that intake knows: who reads the payload, how the sender proves itself, what it asks first."""

from dataclasses import dataclass
from typing import Final, Literal

Handshake = Literal["meta", "adobe", "linkedin", "mailchimp", "cloudevents"]


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform. Without an adapter of its own it needs a mapping."""

    proof: str
    adapter: str | None = None
    handshake: Handshake | None = None


PLATFORMS: Final[dict[str, Platform]] = {
    "hubspot": Platform("hubspot_v3", "hubspot"),
    "mautic": Platform("mautic", "mautic"),
    "marketo": Platform("header", "marketo"),
    "marketo_stream": Platform("adobe", "marketo", "adobe"),
    "salesforce": Platform("url", "salesforce"),
    "segment": Platform("segment", "segment"),
    "activecampaign": Platform("url", "activecampaign"),
    "meta": Platform("meta", "meta", "meta"),
    "cloudevents": Platform("header", "cloudevents", "cloudevents"),
    "linkedin": Platform("linkedin", None, "linkedin"),
    "mailchimp": Platform("url", None, "mailchimp"),
    "typeform": Platform("typeform"),
    "customerio": Platform("customerio"),
    "klaviyo": Platform("klaviyo"),
    "intercom": Platform("intercom"),
    "calendly": Platform("calendly"),
    "brevo": Platform("header"),
    "google_ads": Platform("body"),
    "unbounce": Platform("url"),
    "zapier": Platform("header"),
    "make": Platform("header"),
    "satori": Platform("header"),
    "bownow": Platform("header"),
    "shanon": Platform("header"),
    "standard_webhooks": Platform("standard_webhooks"),
    "generic": Platform("header"),
}
#: How a payload that a mapping reads is marked in the stream: `mapped:` and the id of the source.
MAPPED: Final = "mapped:"
