"""Adobe Marketo Engage: leads by id, three hundred in a request (REST, GET /rest/v1/leads.json)."""

import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import httpx2

from schemas.errors import Away, Refused
from worker.intake.adapters.marketo import READ_FIELDS
from worker.intake.readers.shape import ReadBack, ask, document

#: Leads of one request (Marketo's limit for filterValues).
MOST: Final = 300
#: Errors come with HTTP 200: an expired token; too many requests; the day's quota.
_EXPIRED: Final = frozenset(("601", "602"))
_TOO_MANY: Final = frozenset(("606", "615"))
_QUOTA: Final = "607"
_QUOTA_WAIT_S: Final = 3_600.0
#: Seconds by which a token is renewed before it ends.
_EARLY_S: Final = 60.0

_lock = threading.Lock()
_tokens: dict[tuple[str, str], tuple[float, str]] = {}


def read(client: httpx2.Client, api: str, secrets: Sequence[str], ids: Sequence[str]) -> ReadBack:
    """Read leads; a token that expired meanwhile is renewed once."""
    for is_last in (False, True):
        token = _token(client, api, secrets)
        answer = ask(
            client, "GET", f"{api}/rest/v1/leads.json", headers={"Authorization": f"Bearer {token}"},
            params={"filterType": "id", "filterValues": ",".join(ids), "fields": ",".join(READ_FIELDS)},
        )  # fmt: skip
        body = document(answer)
        if body.get("success") is True:
            return _found(answer.content, body, ids)
        codes = _codes(body)
        if codes & _EXPIRED and not is_last:
            _forget(api, secrets)
            continue
        if codes & _TOO_MANY:
            raise Away("Marketo asks to wait")
        if _QUOTA in codes:
            raise Away("Marketo's quota of the day is used up", _QUOTA_WAIT_S)
        raise Refused(f"Marketo refuses with {', '.join(sorted(codes)) or 'no code'}")
    raise AssertionError  # the loop returns or raises


def _found(raw: bytes, body: dict[str, Any], ids: Sequence[str]) -> ReadBack:
    results = body.get("result")
    there = (
        {str(one.get("id")) for one in results if isinstance(one, dict)}
        if isinstance(results, list)
        else set()
    )
    return ReadBack([raw] if there else [], there & set(ids), set(ids) - there)


def _codes(body: dict[str, Any]) -> set[str]:
    errors = body.get("errors")
    return (
        {str(one.get("code")) for one in errors if isinstance(one, dict)}
        if isinstance(errors, list)
        else set()
    )


def _token(client: httpx2.Client, api: str, secrets: Sequence[str]) -> str:
    """Return an access token (GET /identity/oauth/token), kept in memory until shortly before it ends."""
    name = (api, secrets[1])
    with _lock:
        known = _tokens.get(name)
    if known is not None and time.monotonic() < known[0]:
        return known[1]
    answer = ask(
        client, "GET", f"{api}/identity/oauth/token",
        params={"grant_type": "client_credentials", "client_id": secrets[1], "client_secret": secrets[0]},
    )  # fmt: skip
    body = document(answer)
    token, seconds = body.get("access_token"), body.get("expires_in")
    if not isinstance(token, str) or not isinstance(seconds, int | float):
        raise Refused("Marketo gives no token; are client and secret right?")
    with _lock:
        _tokens[name] = (time.monotonic() + max(0.0, float(seconds) - _EARLY_S), token)
    return token


def _forget(api: str, secrets: Sequence[str]) -> None:
    with _lock:
        _tokens.pop((api, secrets[1]), None)
