"""Proof by a word that both sides know: in a header, in the URL, as HTTP Basic, or in the body."""

import base64
import json
import re
from collections.abc import Sequence
from typing import Final

from schemas.errors import NotUnderstood
from schemas.strict_json import loads
from worker.intake.proofs.verdict import Proven, Unproven, Verdict, is_one_of
from worker.intake.request import Request

_HEADER: Final = "x-tasuki-token"
_PARAMETER: Final = "token"
_NAME: Final = "google_key"
_ORGANIZATION: Final = re.compile(rb"<(?:\w{1,40}:)?OrganizationId\s*>\s*(00D[A-Za-z0-9]{12,15})\s*<")
#: A session by which anybody could act in Salesforce: Outbound Messages carry one if they are asked to.
_SESSION: Final = re.compile(rb"(<(?:\w{1,40}:)?SessionId(?:\s[^>]{0,200})?>)[^<]*(<)")
_SHORT: Final = 15


def header(name: str | None, secrets: Sequence[str], request: Request) -> Verdict:
    """Compare a header (X-Tasuki-Token, unless another is configured) with the secret."""
    said = request.header(name or _HEADER)
    if not said:
        return Unproven("no token in the header")
    wanted = [*secrets, *(f"Bearer {secret}" for secret in secrets)]
    return Proven() if is_one_of(said, wanted) else Unproven("token does not match")


def url(name: str | None, secrets: Sequence[str], request: Request) -> Verdict:
    """Compare a parameter of the query (`token`) with the secret."""
    said = request.parameter(name or _PARAMETER)
    if not said:
        return Unproven("no token in the URL")
    return Proven() if is_one_of(said, secrets) else Unproven("token does not match")


def basic(secrets: Sequence[str], request: Request) -> Verdict:
    """Compare HTTP Basic with the secret, which is `user:password`."""
    said = request.header("authorization")
    if not said:
        return Unproven("no HTTP Basic")
    wanted = ["Basic " + base64.b64encode(secret.encode()).decode() for secret in secrets]
    return Proven() if is_one_of(said, wanted) else Unproven("user or password does not match")


def body(name: str | None, secrets: Sequence[str], request: Request) -> Verdict:
    """Compare a member of the JSON object (`google_key`) with the secret."""
    try:
        document = loads(request.body)
    except NotUnderstood:
        return Unproven("no token in the body")
    said = document.get(name or _NAME) if isinstance(document, dict) else None
    if not isinstance(said, str) or not said:
        return Unproven("no token in the body")
    return Proven() if is_one_of(said, secrets) else Unproven("token does not match")


def organization(wanted: str, request: Request) -> Verdict:
    """Compare the organization that an outbound message is of; ids of 15 and 18 characters are one."""
    found = {match.decode()[:_SHORT] for match in _ORGANIZATION.findall(request.body)}
    if len(found) == 1 and is_one_of(found.pop(), [wanted[:_SHORT]]):
        return Proven()
    return Unproven("another organization")


def without_secrets(raw: bytes, secrets: Sequence[str]) -> bytes:
    """Return a body in which no secret stands any more, as text and as JSON writes it."""
    for secret in secrets:
        for form in {secret.encode(), json.dumps(secret)[1:-1].encode()}:
            raw = raw.replace(form, b"[secret]")
    return _SESSION.sub(rb"\1\2", raw)
