"""HubSpot over the wire: the documented v3 and v4 calls, each by `reach.call`, and its errors as ours.

HubSpot's own client library (hubspot-api-client) is not well kept: its last release was 18 months old in November
2026, and it brings 30 MB of generated code. What is needed are eight documented calls.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from schemas.errors import Away, Refused
from worker.crm import reach
from worker.crm.reach import ANSWER_CHARS
from worker.notices.answers import retry_after
from worker.notices.guard import Answer
from worker.settings import settings

NAME: Final = "hubspot"
_HOME: Final = "https://api.hubapi.com"
_TIMEOUT_S: Final = 30.0
#: Seconds to wait when the day's calls are spent (they come back at midnight of the account's time zone).
_SPENT_S: Final = 1_800.0
#: Seconds to wait when the token is refused.
_REFUSED_S: Final = 300.0
_OK: Final = range(200, 300)


class BadRequest(Exception):
    """HubSpot cannot take what it was sent: 400 or 409."""

    def __init__(self, answer: dict[str, Any]) -> None:
        """Keep what HubSpot says."""
        super().__init__(str(answer.get("message", ""))[:ANSWER_CHARS])
        self.category = str(answer.get("category", ""))
        self.answer = answer


class Api:
    """The calls that the write-back needs; each raises `Away`, or `BadRequest` for a 400 or 409."""

    def __init__(self) -> None:
        """Know nothing yet of what is left."""
        self._left: int | None = None

    def batch(self, what: str, body: dict[str, Any], kind: str = "contacts") -> dict[str, Any]:
        """Call a batch resource: read, create, update, upsert; a 207 holds results and errors."""
        answer = self._call("POST", f"/crm/v3/objects/{kind}/batch/{what}", body)
        if not isinstance(
            answer.get("results"), list
        ):  # read as "none of them is there", it would undo links
            said = str(answer.get("message", ""))[:ANSWER_CHARS]
            raise Away(f"HubSpot answered a batch {what} without results {said}", _REFUSED_S)
        return answer

    def search(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """Search objects."""
        return self._call("POST", f"/crm/v3/objects/{kind}/search", body)

    def contacts_of(self, deals: Sequence[str]) -> dict[str, list[str]]:
        """Return the contacts of deals; a deal without one is not in it."""
        if not deals:
            return {}
        body = {"inputs": [{"id": deal} for deal in deals]}
        answer = self._call("POST", "/crm/v4/associations/deals/contacts/batch/read", body)
        return {str(row["from"]["id"]): [str(to["toObjectId"]) for to in row.get("to", [])]
                for row in answer.get("results", [])}  # fmt: skip

    def owners(self) -> list[dict[str, Any]]:
        """Return all active owners."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            answer = self._call("GET", f"/crm/v3/owners?archived=false&limit=100{after}", None)
            found += answer.get("results", [])
            following = ((answer.get("paging") or {}).get("next") or {}).get("after")
            if not following:
                return found
            after = f"&after={following}"

    def forget(self, contact: str) -> None:
        """Delete a contact for good, as privacy laws ask; one that is gone is done."""
        try:
            self._call("POST", "/crm/v3/objects/contacts/gdpr-delete", {"objectId": contact})
        except Missing:
            return

    def details(self) -> dict[str, Any]:
        """Return which account the token opens."""
        return self._call("GET", "/account-info/v3/details", None)

    def calls_left(self) -> int | None:
        """Return what the last answer said of the day's calls."""
        return self._left

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        token = settings().crm_token
        if token is None:
            raise Away("no way into HubSpot: set TASUKI_CRM_TOKEN (a private app's access token)")
        url = str(settings().crm_url or _HOME).rstrip("/") + path
        headers = {"authorization": f"Bearer {token.get_secret_value()}", "content-type": "application/json"}
        content = b"" if body is None else msgspec.json.encode(body)
        answer = reach.call(NAME, method, url, content, headers, timeout_s=_TIMEOUT_S, who="HubSpot")
        left = answer.headers.get("x-hubspot-ratelimit-daily-remaining", "")
        self._left = int(left[:12]) if left.isascii() and left.isdigit() else self._left
        said = _read(answer)
        if answer.status not in _OK:
            raise _no(answer, said if isinstance(said, dict) else {"message": answer.text[:ANSWER_CHARS]})
        if not isinstance(said, dict):
            raise Away(
                f"HubSpot answered {answer.status} what is not HubSpot's: {answer.text[:100]}", _REFUSED_S
            )
        return said


def _read(answer: Answer) -> Any:
    """Return an answer's JSON, {} for none, or None for what is no JSON.

    Raises:
        Away: it is longer than what is read.

    """
    if not answer.whole:
        raise Away(f"HubSpot answered {answer.status} with more than {reach.ANSWER_BYTES} bytes", _REFUSED_S)
    try:
        return msgspec.json.decode(answer.text) if answer.text.strip() else {}
    except (ValueError, RecursionError):
        return None


class Missing(Refused):
    """HubSpot has no such record."""


def _no(answer: Answer, said: dict[str, Any]) -> Exception:
    """Return what an answer that is no success means."""
    status = answer.status
    words = str(said.get("message", ""))[:ANSWER_CHARS]
    if status in (400, 409):
        return BadRequest(said)
    if status == 404:  # noqa: PLR2004
        return Missing(f"HubSpot answered 404 {words}")
    if status == 429:  # noqa: PLR2004
        policy = str(said.get("policyName", ""))
        wait_s = retry_after(answer.headers.get("retry-after"))
        return Away(
            f"HubSpot answered 429 {policy} {words}", wait_s or (_SPENT_S if policy == "DAILY" else 10.0)
        )
    if status in (401, 403):
        return Away(f"HubSpot lets us not in: {status} {words}", _REFUSED_S)
    return Away(f"HubSpot answered {status} {words}", retry_after(answer.headers.get("retry-after")))
