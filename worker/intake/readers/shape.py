"""What all readers share: one request, its errors told apart, its answer bounded."""

from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from schemas.errors import Away, NotUnderstood, Refused
from schemas.strict_json import loads

#: Seconds that one request may take.
TIMEOUT_S: Final = 8.0
_MAX_BYTES: Final = 8 * 1024 * 1024
_MAX_WAIT_S: Final = 3_600.0
_TOO_MANY: Final = 429
_REFUSALS: Final = (400, 401, 403)
_SERVER: Final = 500


@dataclass(slots=True)
class ReadBack:
    """What was read: payloads for the platform's adapter, and which objects are there and which are not."""

    payloads: list[bytes] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)


def ask(client: httpx2.Client, method: str, url: str, **options: Any) -> httpx2.Response:
    """Send one request and return an answer below 500 that is no refusal.

    Raises:
        Away: it did not answer, or asks to wait (then with its own wish, in seconds).
        Refused: the credentials or the question are wrong; only ops can mend that.

    """
    try:
        answer = client.request(method, url, timeout=TIMEOUT_S, follow_redirects=False, **options)
    except httpx2.HTTPError as error:
        raise Away(f"the API did not answer ({type(error).__name__})") from error
    if answer.status_code == _TOO_MANY:
        raise Away("the API asks to wait", _wait_s(answer))
    if answer.status_code >= _SERVER:
        raise Away(f"the API answered {answer.status_code}", _wait_s(answer))
    if answer.status_code in _REFUSALS:
        raise Refused(f"the API answered {answer.status_code}; are token and rights right?")
    if len(answer.content) > _MAX_BYTES:
        raise Refused("the API's answer is too large")
    return answer


def document(answer: httpx2.Response) -> dict[str, Any]:
    """Return an answer's JSON object.

    Raises:
        Away: it is none; a gateway's error page, say.

    """
    try:
        found = loads(answer.content)
    except NotUnderstood as error:
        raise Away("the API's answer is not JSON") from error
    if not isinstance(found, dict):
        raise Away("the API's answer is no object")
    return found


def _wait_s(answer: httpx2.Response) -> float | None:
    said = answer.headers.get("retry-after", "")
    return min(float(said), _MAX_WAIT_S) if said.isascii() and said.isdigit() else None
