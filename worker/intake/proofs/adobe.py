"""Adobe I/O Events (Marketo's data stream): RSA-SHA256 by one of two keys that Adobe publishes."""

import base64
import binascii
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

import httpx2
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from schemas.errors import Away, NotUnderstood
from schemas.strict_json import loads
from worker.intake.proofs.verdict import Proven, Unproven, Unsure, Verdict, is_one_of
from worker.intake.request import Request

#: The fixed host of the keys; a request names only the path, and only of this form.
HOST: Final = "https://static.adobeioevents.com"
_PATH: Final = re.compile(r"/prod/keys/pub-key-[A-Za-z0-9_-]{1,80}\.pem")
#: Seconds that fetching a key may take: the answer must be given within 3.
_FETCH_S: Final = 0.8
_KEY_GOOD_FOR_S: Final = 3_600.0
_NO_KEY_GOOD_FOR_S: Final = 30.0
_MAX_KEYS: Final = 64
_MAX_PEM: Final = 8_192


class Keys(Protocol):
    """Where public keys come from."""

    def get(self, path: str) -> bytes | None:
        """Return a key in PEM, or None where there is none of that name.

        Raises:
            Away: it cannot be told now.

        """


class FetchedKeys:
    """Fetches keys from Adobe's host and keeps them, and what is not there, for a while."""

    def __init__(
        self, fetch: Callable[[str], bytes | None] | None = None, *, clock: Callable[[], float]
    ) -> None:
        """Begin without keys; `clock` is monotonic, in seconds."""
        self._fetch = fetch or _fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, bytes | None]] = OrderedDict()

    def get(self, path: str) -> bytes | None:
        """Return a key, fetched at most once an hour; a name that is not there at most every 30 s."""
        with self._lock:
            found = self._known.get(path)
        if found is not None and self._clock() < found[0]:
            return found[1]
        pem = self._fetch(path)
        good_for = _NO_KEY_GOOD_FOR_S if pem is None else _KEY_GOOD_FOR_S
        with self._lock:
            self._known[path] = (self._clock() + good_for, pem)
            while len(self._known) > _MAX_KEYS:
                self._known.popitem(last=False)
        return pem


def _fetch(path: str) -> bytes | None:
    try:
        answer = httpx2.get(HOST + path, timeout=_FETCH_S, follow_redirects=False)
    except httpx2.HTTPError as error:
        raise Away("Adobe's keys cannot be fetched") from error
    if answer.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
        raise Away("Adobe's keys cannot be fetched")
    return answer.content[:_MAX_PEM] if answer.status_code == httpx2.codes.OK else None


def prove(client_id: str, request: Request, keys: Keys) -> Verdict:
    """Take either signature; then every event of the body must be addressed to us."""
    reasons = []
    for number in ("1", "2"):
        said = request.header(f"x-adobe-digital-signature-{number}")
        path = request.header(f"x-adobe-public-key{number}-path")
        if not said or not path:
            continue
        if not _PATH.fullmatch(path):
            reasons.append("the key's path is not Adobe's")
            continue
        try:
            pem = keys.get(path)
        except Away:
            return Unsure("Adobe's key cannot be fetched now")
        if pem is not None and _is_signed(pem, said, request.body):
            return _addressed(client_id, request.body)
        reasons.append("signature does not match")
    return Unproven(reasons[0] if reasons else "no signature")


def _is_signed(pem: bytes, said: str, body: bytes) -> bool:
    try:
        key = load_pem_public_key(pem)
        signature = base64.b64decode(said, validate=True)
        if base64.b64encode(signature).decode() != said or not isinstance(key, RSAPublicKey):
            return False
        key.verify(signature, body, PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, UnsupportedAlgorithm, binascii.Error, ValueError):
        return False
    return True


def _addressed(client_id: str, body: bytes) -> Verdict:
    """Compare the receiver: Adobe signs other customers' events with the same keys."""
    try:
        document = loads(body)
    except NotUnderstood:
        return Unproven("signed, and addressed to nobody")
    items = document if isinstance(document, list) else [document]
    for item in items:
        said = (
            item.get("recipientclientid", item.get("recipient_client_id")) if isinstance(item, dict) else None
        )
        if not isinstance(said, str) or not is_one_of(said, [client_id]):
            return Unproven("signed, and addressed to another client")
    return Proven() if items else Unproven("signed, and addressed to nobody")
