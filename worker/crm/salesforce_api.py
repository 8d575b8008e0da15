"""Salesforce over the wire, by simple-salesforce: logged in, paced, checked, and its errors as ours.

The library takes care of the token, queries over several pages, quoting, and the usage that Salesforce tells
in each answer. It sets no time limit, no bound and no pace, so it is given a session that sends by `reach.call`.
"""

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import jwt
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceError,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
)
from simple_salesforce.login import token_login

from schemas.errors import Away
from worker.crm import reach
from worker.crm.reach import ANSWER_CHARS
from worker.notices.answers import retry_after
from worker.now import wall_time
from worker.settings import settings

T = TypeVar("T")

NAME: Final = "salesforce"
#: The version of Salesforce's REST API (Spring '24; each is kept for years).
VERSION: Final = "60.0"
#: Seconds that one call may take: 200 records with triggers and flows take long.
_TIMEOUT_S: Final = 60.0
#: Seconds to wait when the org's calls of 24 hours are spent, and when a log-in is refused.
_SPENT_S: Final = 900.0
_REFUSED_S: Final = 300.0
_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class _Session(requests.Session):
    """A session for the library whose requests go out by our own guarded way, and never wait for ever."""

    retry_after: float | None = None

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # no password from a .netrc of this machine

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send one request; of the library's wishes, how to prepare it counts and how to send it does not."""
        said = dict(zip(("params", "data", "headers"), args, strict=False)) | kwargs
        wanted = {name: said[name] for name in ("params", "data", "headers", "json") if name in said}
        made = self.prepare_request(requests.Request(str(method), str(url), **wanted))
        body = made.body.encode() if isinstance(made.body, str) else made.body
        headers = {str(name): str(value) for name, value in made.headers.items()}
        got = reach.call(
            NAME, str(made.method), str(made.url), bytes(body or b""), headers, timeout_s=_TIMEOUT_S,
            who="Salesforce",
        )  # fmt: skip
        if not got.whole:
            raise Away(
                f"Salesforce answered {got.status} with more than {reach.ANSWER_BYTES} bytes", _REFUSED_S
            )
        self.retry_after = retry_after(got.headers.get("retry-after"))
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = got.status, str(made.url), made
        answer.headers.update(got.headers)
        answer.encoding = "utf-8"
        answer._content = got.text.encode()  # noqa: SLF001 - what requests itself does once it has read
        return answer


class Api:
    """The calls that the write-back needs; each raises `Away`, or `SalesforceMalformedRequest` for a 400."""

    def __init__(self) -> None:
        """Log in at the first call."""
        self._session = _Session()
        self._client: Salesforce | None = None

    def query(self, soql: str) -> list[dict[str, Any]]:
        """Return all records of a query, however many pages they take.

        Raises:
            Away: also for a query that Salesforce cannot read: the mapping is wrong, and no lead is.

        """
        try:
            return list(self._try(lambda client: client.query_all(soql)["records"]))
        except SalesforceMalformedRequest as error:
            raise Away(f"Salesforce cannot read our question: {' '.join(told(error))}", _REFUSED_S) from error

    def composite(
        self, method: str, path: str, records: Sequence[dict[str, Any]], **headers: str
    ) -> list[Any]:
        """Send up to 200 records to a collections resource; each has its own result."""
        body = {"allOrNone": False, "records": list(records)}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return list(
            self._try(
                lambda client: client.restful(f"composite/{path}", method=method, json=body, headers=named)
            )
            or []
        )

    def delete(self, ids: Sequence[str]) -> list[Any]:
        """Delete up to 200 records; each has its own result."""
        asked = {"ids": ",".join(ids), "allOrNone": "false"}
        return list(self._try(lambda c: c.restful("composite/sobjects", params=asked, method="DELETE")) or [])

    def limits(self) -> dict[str, Any]:
        """Return the org's limits."""
        return dict(self._try(lambda client: client.restful("limits")) or {})

    def calls_left(self) -> int | None:
        """Return what the last answer said of the org's calls of 24 hours."""
        usage = self._client.api_usage.get("api-usage") if self._client else None
        return None if usage is None else usage.total - usage.used

    def _try(self, call: Callable[[Salesforce], T]) -> T:
        """Call; a session that expired is renewed once."""
        try:
            try:
                return call(self._connected())
            except SalesforceExpiredSession:
                self._client = None
                return call(self._connected())
        except SalesforceAuthenticationFailed as error:
            raise Away(f"Salesforce lets us not in: {error.code} {error.auth_message}", _REFUSED_S) from error
        except SalesforceMalformedRequest as error:
            code, words = told(error)
            if code in ("INVALID_FIELD", "INVALID_TYPE", "NOT_FOUND", "INVALID_FIELD_FOR_INSERT_UPDATE"):
                mend = "make it there, let us see it, or take it out of the mapping"
                raise Away(f"Salesforce: {code} {words}; {mend}", _REFUSED_S) from error
            raise
        except SalesforceError as error:
            code, words = told(error)
            wait_s = _SPENT_S if code == "REQUEST_LIMIT_EXCEEDED" else self._session.retry_after
            raise Away(f"Salesforce answered {error.status} {code} {words}", wait_s) from error
        except requests.RequestException as error:
            raise Away(f"Salesforce is away: {type(error).__name__}") from error

    def _connected(self) -> Salesforce:
        if self._client is None:
            self._client = self._log_in()
        return self._client

    def _log_in(self) -> Salesforce:
        options = settings()
        if options.crm_url is None or options.crm_client_id is None:
            raise Away("no way into Salesforce: set TASUKI_CRM_URL (your My Domain) and TASUKI_CRM_CLIENT_ID")
        base = str(options.crm_url).rstrip("/")
        headers: dict[str, str] = {}
        if options.crm_private_key is not None and options.crm_username is not None:
            data = {"grant_type": _JWT_GRANT, "assertion": _assertion(base)}
        elif options.crm_client_secret is not None:
            pair = f"{options.crm_client_id}:{options.crm_client_secret.get_secret_value()}".encode()
            headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
            data = {"grant_type": "client_credentials"}
        else:
            raise Away(
                "no way into Salesforce: set TASUKI_CRM_CLIENT_SECRET, or TASUKI_CRM_USERNAME and"
                " TASUKI_CRM_PRIVATE_KEY"
            )
        token, instance = token_login(
            f"{base}/services/oauth2/token", data, "", options.crm_client_id, headers, None, self._session
        )
        client = Salesforce(
            session_id=token, instance_url=f"https://{instance}", session=self._session, version=VERSION,
            object_pairs_hook=dict,
        )  # fmt: skip
        if urlsplit(base).scheme == "http":  # a gateway of our own; the library takes https for granted
            client.base_url = client.base_url.replace("https://", "http://", 1)
        return client


def _assertion(base: str) -> str:
    """Return the signed claim of the JWT bearer flow, good for three minutes of wall time."""
    options = settings()
    assert options.crm_private_key is not None  # noqa: S101 - the caller looked
    host = urlsplit(base).hostname or ""
    claim = {
        "iss": options.crm_client_id,
        "sub": options.crm_username,
        "aud": "https://test.salesforce.com" if ".sandbox." in host else "https://login.salesforce.com",
        "exp": datetime.fromtimestamp(wall_time(), UTC) + timedelta(minutes=3),
    }
    return jwt.encode(claim, options.crm_private_key.get_secret_value(), algorithm="RS256")


def told(error: SalesforceError) -> tuple[str, str]:
    """Return code and words of an error as Salesforce sends them: a list of one object."""
    content: Any = error.content
    first = content[0] if isinstance(content, list) and content else content
    if isinstance(first, dict):
        return str(first.get("errorCode", error.status)), str(first.get("message", ""))[:ANSWER_CHARS]
    return str(error.status), str(first)[:ANSWER_CHARS]
