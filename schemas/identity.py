"""Whose event it is: the identity keys that its producer, its address and its opportunity give."""

from typing import Final

from schemas.event_fields import normal_email

#: Sources that begin so are outside sources that were asked about a lead; what they say is a guess.
GUESS_SOURCE: Final = "enrich:"
#: Outcome type -> what it says of the opportunity.
DEAL_STATUS: Final = {"outcome.opened": "opened", "outcome.won": "won", "outcome.lost": "lost"}
#: What a rep did.
SALES_ACTIVITY: Final = "outcome.activity"


def deal_key(event_type: str, subject: str | None, email: str | None, opportunity: str | None) -> str | None:
    """Return the opportunity where it says whose event this is.

    What a rep did about a deal may have been with a colleague of its lead: it leads there if nobody is named.
    """
    if event_type in DEAL_STATUS or (event_type == SALES_ACTIVITY and not subject and not email):
        return opportunity
    return None


def keys_of(source: str, subject: str | None, email: str | None, deal: str | None) -> list[tuple[str, str]]:
    """Return identity keys, the most certain first.

    The CRM's key of an opportunity joins its later outcomes, which often name nobody, to the lead of the
    first one that did.

    Raises:
        ValueError: when the subject looks like an address and is none.

    """
    found: list[tuple[str, str]] = []
    if source.startswith(GUESS_SOURCE):
        # An answer names the lead that was asked about, by our own number; it makes no lead and joins none.
        return [("lead", subject)] if subject and "@" not in subject else []
    if subject and subject != deal:
        if "@" in subject:
            found.append(("email", normal_email(subject)))
        else:
            found.append((f"ma:{source}", subject))
    if email and ("email", email) not in found:
        found.append(("email", email))
    if deal:
        found.append((f"deal:{source}", deal))
    return found
