"""May this request speak for this source? Pure, given the time; anything that goes wrong inside is a no."""

from datetime import datetime

from worker.intake.proofs import adobe, hmacs, hubspot, tokens
from worker.intake.proofs.spec import HMACS, ProofSpec
from worker.intake.proofs.verdict import Proven, Unproven, Unsure, Verdict
from worker.intake.request import Request
from worker.intake.sources import Source


def prove(source: Source, request: Request, now: datetime, keys: adobe.Keys | None = None) -> Verdict:
    """Return whether a request is of the source's sender.

    Args:
        source: with the proof that is configured; a request cannot choose another.
        request: as it was sent.
        now: for signatures with a time.
        keys: Adobe's public keys.

    """
    if source.missing:
        return Unsure("a secret is not set")
    verdict = _by(source.proof, source.secrets, source, request, now, keys)
    if not isinstance(verdict, Proven):
        return verdict
    if source.organization is not None:
        verdict = tokens.organization(source.organization, request)
        if not isinstance(verdict, Proven):
            return verdict
    if source.also is not None:
        return _by(source.also, source.also_secrets, source, request, now, keys)
    if source.proof.scheme == "segment" and request.body.lstrip().startswith(b"["):
        return Unproven(
            "a batch of Segment is signed for its first event only; send one by one, or set `also`"
        )
    return verdict


def _by(
    spec: ProofSpec, secrets: tuple[str, ...], source: Source, request: Request, now: datetime,
    keys: adobe.Keys | None,
) -> Verdict:  # fmt: skip
    scheme = spec.scheme
    if scheme == "segment":
        return hmacs.segment(HMACS["segment"], secrets, request, now)
    hmac = spec.hmac()
    if hmac is not None:
        return hmacs.prove(hmac, secrets, request, now)
    if scheme == "adobe":
        if keys is None or source.client_id is None:
            return Unsure("Adobe's keys are not at hand")
        return adobe.prove(source.client_id, request, keys)
    if scheme.startswith("hubspot_"):
        return _by_hubspot(scheme, secrets, request, now)
    if scheme == "standard_webhooks":
        return hmacs.standard_webhooks(secrets, request, now)
    return _by_token(spec, secrets, request)


def _by_hubspot(scheme: str, secrets: tuple[str, ...], request: Request, now: datetime) -> Verdict:
    if scheme == "hubspot_v3":
        return hubspot.v3(secrets, request, now)
    return hubspot.v2(secrets, request) if scheme == "hubspot_v2" else hubspot.v1(secrets, request)


def _by_token(spec: ProofSpec, secrets: tuple[str, ...], request: Request) -> Verdict:
    if spec.scheme == "header":
        return tokens.header(spec.header, secrets, request)
    if spec.scheme == "url":
        return tokens.url(spec.name, secrets, request)
    if spec.scheme == "basic":
        return tokens.basic(secrets, request)
    if spec.scheme == "body":
        return tokens.body(spec.name, secrets, request)
    return Unproven("no way of proof")
