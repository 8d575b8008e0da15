"""HubSpot's three signatures. Each source takes the one that is configured, whatever else a request brings."""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from worker.intake.proofs.verdict import Proven, Unproven, Verdict, instant, is_one_of, is_timely
from worker.intake.request import Request

_TOLERANCE_S: Final = 300
#: What HubSpot decodes in the URI before it signs, and nothing else.
_DECODED: Final = re.compile(r"%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)


def _uri(url: str) -> str:
    return _DECODED.sub(lambda found: chr(int(found[1], 16)), url)


def v3(secrets: Sequence[str], request: Request, now: datetime) -> Verdict:
    """Base64 HMAC-SHA256 over method, URI, body and X-HubSpot-Request-Timestamp (ms)."""
    said, stamp = request.header("x-hubspot-signature-v3"), request.header("x-hubspot-request-timestamp")
    if not said or not stamp:
        return Unproven("no signature v3")
    at_s = instant(stamp, "ms")
    if at_s is None or not is_timely(at_s, now, _TOLERANCE_S):
        return Unproven("timestamp is outside the tolerance")
    uri = _uri(request.url).encode("utf-8", "surrogatepass")
    message = request.method.encode() + uri + request.body + stamp.encode()
    wanted = [
        base64.b64encode(hmac.digest(secret.encode(), message, "sha256")).decode() for secret in secrets
    ]
    return Proven() if is_one_of(said, wanted) else Unproven("signature does not match")


def v2(secrets: Sequence[str], request: Request) -> Verdict:
    """Hex SHA-256 over secret, method, URI and body; workflows and cards. It can be replayed for ever."""
    message = request.method.encode() + request.url.encode("utf-8", "surrogatepass") + request.body
    return _hashed("v2", secrets, request, message)


def v1(secrets: Sequence[str], request: Request) -> Verdict:
    """Hex SHA-256 over secret and body. It can be replayed for ever, to any address."""
    return _hashed("v1", secrets, request, request.body)


def _hashed(version: str, secrets: Sequence[str], request: Request, message: bytes) -> Verdict:
    said, named = request.header("x-hubspot-signature"), request.header("x-hubspot-signature-version")
    if not said or named is None or not is_one_of(named, [version]):
        return Unproven(f"no signature {version}")
    wanted = [hashlib.sha256(secret.encode() + message).hexdigest() for secret in secrets]
    return Proven() if is_one_of(said, wanted) else Unproven("signature does not match")
