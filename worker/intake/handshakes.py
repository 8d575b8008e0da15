"""What platforms ask before they send: to prove that the address wants their events."""

import hashlib
import hmac
import json
import re
from typing import Final

from worker.intake.answers import refused
from worker.intake.platforms import PLATFORMS
from worker.intake.proofs import tokens
from worker.intake.proofs.verdict import Proven, is_one_of
from worker.intake.request import Answer, Request
from worker.intake.sources import Source

#: What is echoed: no markup, no line ends, whatever a browser would make of it.
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_.~+/=:-]{1,512}")


def handshake(source: Source, request: Request) -> Answer | None:
    """Answer a GET, HEAD or OPTIONS; None where it is a POST, which carries events."""
    if request.method == "POST":
        return None
    kind = PLATFORMS[source.platform].handshake
    if kind == "cloudevents" and request.method == "OPTIONS":
        return _cloudevents(source, request)
    if request.method in ("GET", "HEAD") and not source.missing:
        if kind == "meta":
            return _meta(source, request)
        if kind == "adobe":
            return _echo(source, request.parameter("challenge"))
        if kind == "linkedin":
            return _linkedin(source, request)
        if kind == "mailchimp":
            return _mailchimp(source, request)
    return refused(source.platform, "wrong_method", "send events by POST")


def _said(body: bytes, media_type: str) -> Answer:
    headers = {"Content-Type": media_type, "X-Content-Type-Options": "nosniff"}
    return Answer(200, headers, body, "handshake")


def _echo(source: Source, challenge: str | None) -> Answer:
    if challenge is None or not _CHALLENGE.fullmatch(challenge):
        return refused(source.platform, "unproven", "handshake without a challenge")
    return _said(challenge.encode(), "text/plain; charset=utf-8")


def _meta(source: Source, request: Request) -> Answer:
    said = request.parameter("hub.verify_token")
    wanted = source.verify_token
    if request.parameter("hub.mode") != "subscribe" or said is None or wanted is None:
        return refused(source.platform, "unproven", "handshake is malformed")
    if not is_one_of(said, [wanted]):
        return refused(source.platform, "unproven", "handshake with another verify token")
    return _echo(source, request.parameter("hub.challenge"))


def _linkedin(source: Source, request: Request) -> Answer:
    """Answer within 3 s, every 2 h; the code is computed with the client secret, the newest first."""
    code = request.parameter("challengeCode")
    if code is None or not _CHALLENGE.fullmatch(code) or not source.secrets:
        return refused(source.platform, "unproven", "handshake without a challenge")
    answer = hmac.new(source.secrets[0].encode(), code.encode(), hashlib.sha256).hexdigest()
    body = json.dumps({"challengeCode": code, "challengeResponse": answer}).encode()
    return _said(body, "application/json")


def _mailchimp(source: Source, request: Request) -> Answer:
    if source.proof.scheme == "url":
        proven = tokens.url(source.proof.name, source.secrets, request)
        if not isinstance(proven, Proven):
            return refused(source.platform, "unproven", "handshake without the URL's secret")
    return _said(b"", "text/plain; charset=utf-8")


def _cloudevents(source: Source, request: Request) -> Answer:
    """Give permission to origins that are configured, and to nobody else (CloudEvents HTTP web hooks 4)."""
    origin = request.header("webhook-request-origin")
    headers = {"Allow": "POST, OPTIONS"}
    if origin is not None and origin in source.origins:
        headers["WebHook-Allowed-Origin"] = origin
        headers["WebHook-Allowed-Rate"] = str(max(1, int(source.per_second * 60)))
    return Answer(200, headers, b"", "handshake")
