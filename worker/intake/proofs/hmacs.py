"""Proof by an HMAC over parts of the request, as `spec.HMACS` and a configured `hmac` state them."""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from worker.intake.proofs.spec import SIGNED_PART, HmacScheme
from worker.intake.proofs.verdict import Proven, Unproven, Verdict, encoded, instant, is_one_of, is_timely
from worker.intake.request import Request

#: A header `t=1789441201,v1=abc`; several v1 under rotation.
_PAIR: Final = re.compile(r"(t|v1)=([^,=\s]{1,200})")
_STANDARD_ID: Final = re.compile(r"[^.\s]{1,200}")
_TOLERANCE_S: Final = 300
#: Most codes of one header that are looked at.
_MAX_CODES: Final = 10


def prove(scheme: HmacScheme, secrets: Sequence[str], request: Request, now: datetime) -> Verdict:
    """Compute the code anew over the bytes as they came, and compare."""
    header = request.header(scheme.header)
    if not header:
        return Unproven("no signature")
    codes, stamp = [header], None
    if scheme.in_signature:
        pairs = [match for part in header.split(",") if (match := _PAIR.fullmatch(part.strip()))]
        codes = [match[2] for match in pairs if match[1] == "v1"][:_MAX_CODES]
        stamps = [match[2] for match in pairs if match[1] == "t"]
        if len(stamps) != 1 or not codes or len(pairs) != header.count(",") + 1:
            return Unproven("signature header is malformed")
        stamp = stamps[0]
    elif scheme.timestamp is not None:
        stamp = request.header(scheme.timestamp)
    if scheme.in_signature or scheme.timestamp is not None:
        at_s = None if stamp is None else instant(stamp, scheme.unit)
        if at_s is None:
            return Unproven("no timestamp")
        if not is_timely(at_s, now, scheme.tolerance_s):
            return Unproven("timestamp is outside the tolerance")
    message = _message(scheme.signed, request, stamp or "")
    wanted = [
        scheme.prefix + encoded(hmac.digest(secret.encode(), message, scheme.algorithm), scheme.encoding)
        for secret in secrets
    ]
    matches = [is_one_of(code, wanted) for code in codes]
    return Proven() if any(matches) else Unproven("signature does not match")


def _message(signed: str, request: Request, stamp: str, event_id: str = "") -> bytes:
    parts = {
        "body": request.body,
        "timestamp": stamp.encode("utf-8", "surrogatepass"),
        "id": event_id.encode("utf-8", "surrogatepass"),
        "method": request.method.encode(),
        "url": request.url.encode("utf-8", "surrogatepass"),
    }
    pieces = SIGNED_PART.split(signed)  # text, name, text, name, ..., text
    return b"".join(parts[piece] if index % 2 else piece.encode() for index, piece in enumerate(pieces))


def standard_webhooks(secrets: Sequence[str], request: Request, now: datetime) -> Verdict:
    """Standard Webhooks 1.0: `webhook-id.webhook-timestamp.body`, several codes, 300 s both ways."""
    event_id, stamp = request.header("webhook-id"), request.header("webhook-timestamp")
    header = request.header("webhook-signature")
    if not event_id or not stamp or not header or not _STANDARD_ID.fullmatch(event_id):
        return Unproven("no signature")
    at_s = instant(stamp, "s")
    if at_s is None or not is_timely(at_s, now, _TOLERANCE_S):
        return Unproven("timestamp is outside the tolerance")
    message = _message("{id}.{timestamp}.{body}", request, stamp, event_id)
    wanted = []
    for secret in secrets:
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            return Unproven("the secret is not whsec_ and base64")
        wanted.append("v1," + encoded(hmac.digest(key, message, "sha256"), "base64"))
    matches = [is_one_of(code, wanted) for code in header.split(" ")[:_MAX_CODES]]
    return Proven() if any(matches) else Unproven("signature does not match")


def segment(scheme: HmacScheme, secrets: Sequence[str], request: Request, now: datetime) -> Verdict:
    """Segment signs the body, and of a batch only the first event, as JSON.stringify wrote it.

    So a batch is proven by this for its first event only; who may send batches must prove more (`also`).
    """
    if not request.body.lstrip().startswith(b"["):
        return prove(scheme, secrets, request, now)
    first = first_of_array(request.body)
    if first is None:
        return Unproven("the first event of the batch cannot be found")
    return prove(scheme, secrets, Request(request.method, request.url, request.headers, first), now)


def first_of_array(raw: bytes) -> bytes | None:
    """Return the bytes of the first item of a JSON array, as they stand."""
    try:
        text = raw.decode("utf-8")
        start = text.index("[") + 1
        while text[start : start + 1] in (" ", "\t", "\r", "\n") and start < len(text):
            start += 1
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return text[start:end].encode()
