"""What sources.yaml says: for each source its platform, secrets, proof and mapping."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from schemas.base import Contract
from worker.intake.platforms import PLATFORMS
from worker.intake.proofs.spec import SCHEMES, ProofSpec

_REFERENCE = re.compile(r"\$\{([A-Z][A-Z0-9_]{0,99})\}")

_API = re.compile(r"https://[^\s?#@]+|http://(?:localhost|127\.0\.0\.1)(?::[0-9]+)?(?:/[^\s?#@]*)?")


def _reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise ValueError(
            "a secret never stands in the file; name an environment variable, such as ${TASUKI_SECRET_HUBSPOT}"
        )
    return text


def _known_platform(name: str) -> str:
    if name not in PLATFORMS:
        raise ValueError(f"no platform is called {name[:60]!r}; known are {', '.join(PLATFORMS)}")
    return name


def variable(reference: str) -> str:
    """Return the variable that `${NAME}` names."""
    return reference[2:-1]


def _api(text: str) -> str:
    if not _API.fullmatch(text):
        raise ValueError("takes an https:// address without user and query; plain http only to this machine")
    return text


Api = Annotated[str, Field(max_length=500), AfterValidator(_api)]
#: `${NAME}` of an environment variable. Under rotation there are two, of which either is right.
Secret = Annotated[str, AfterValidator(_reference)]
Secrets = Annotated[list[Secret], Field(min_length=1, max_length=2)]


def _short_proof(value: Any) -> Any:
    return {"scheme": value} if isinstance(value, str) else value


Proof = Annotated[ProofSpec, BeforeValidator(_short_proof)]


class Also(ProofSpec):
    """A second proof of the same request, with secrets of its own."""

    secrets: Secrets


class FetchSpec(Contract):
    """How thin events (ids only) are read back from the platform's API."""

    #: The API's address; the platform's own unless it is stated (Marketo's differs for each customer).
    api: Api | None = None
    #: The access token (HubSpot, Meta); for Marketo the client's secret.
    token: Secret
    #: Marketo's client id.
    client: Secret | None = None
    #: Requests a second at most, over all workers.
    per_second: Annotated[float, Field(gt=0, le=50)] = 2.0


class SourceSpec(Contract):
    """One source: a webhook of one platform, at /intake/ID."""

    platform: Annotated[str, AfterValidator(_known_platform)]
    secrets: Annotated[list[Secret], Field(max_length=2)] = []
    #: The platform's own way unless stated. It is the only one: a sender cannot choose a weaker one.
    proof: Proof | None = None
    #: A second proof that every request must bring, besides the first.
    also: Also | None = None
    #: A mapping's name (shipped), a file beside sources.yaml (ends in .yaml), or the mapping itself.
    mapping: str | dict[str, Any] | None = None
    #: Other sources' events are known under this name, so that they speak of the same leads: HubSpot's
    #: workflows and webhooks number their contacts alike.
    named: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")] | None = None
    #: Requests a second, and at once, that are taken; more are told to wait. For senders that repeat only.
    per_second: Annotated[float, Field(gt=0, le=10_000)] = 100.0
    burst: Annotated[int, Field(ge=1, le=100_000)] = 500
    #: Bytes of a body, as sent and unpacked.
    max_body: Annotated[int, Field(ge=1_024, le=8 * 1024 * 1024)] = 1024 * 1024
    #: Meta's verify token.
    verify_token: Secret | None = None
    #: Adobe's client id, compared with `recipientclientid`.
    client_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    #: Salesforce's organization, compared with OrganizationId (15 or 18 characters).
    organization: Annotated[str, Field(pattern=r"^00D[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$")] | None = None
    #: Origins that a CloudEvents sender may ask permission for.
    origins: Annotated[list[str], Field(max_length=20)] = []
    fetch: FetchSpec | None = None
    #: Off: answered as an unknown source is.
    enabled: bool = True

    @model_validator(mode="after")
    def _fits(self) -> Self:
        platform = PLATFORMS[self.platform]
        scheme = self.scheme()
        if SCHEMES[scheme].needs_secret and not self.secrets:
            raise ValueError(f"`secrets` is missing: {scheme} proves nothing without one")
        if platform.adapter is None and self.mapping is None:
            raise ValueError(f"`mapping` is missing: {self.platform} has no adapter of its own")
        if platform.adapter is not None and self.mapping is not None:
            raise ValueError(f"`mapping` is not read: {self.platform} has an adapter of its own")
        if self.platform == "meta" and self.verify_token is None:
            raise ValueError("`verify_token` is missing: Meta asks for it before it sends anything")
        if scheme == "adobe" and self.client_id is None:
            raise ValueError("`client_id` is missing: without it another customer's events would be taken")
        if self.fetch is not None and self.platform not in ("hubspot", "meta", "marketo", "marketo_stream"):
            raise ValueError("`fetch` is known for hubspot, meta, marketo and marketo_stream")
        if self._is_half_marketo():
            raise ValueError("`fetch` of Marketo needs `api` (your instance) and `client`")
        return self

    def _is_half_marketo(self) -> bool:
        if self.fetch is None or not self.platform.startswith("marketo"):
            return False
        return self.fetch.api is None or self.fetch.client is None

    def scheme(self) -> str:
        """Return the name of the proof."""
        return PLATFORMS[self.platform].proof if self.proof is None else self.proof.scheme

    def spec(self) -> ProofSpec:
        """Return the proof, the platform's own where none is stated."""
        return ProofSpec(scheme=PLATFORMS[self.platform].proof) if self.proof is None else self.proof


class SourcesFile(Contract):
    """The whole file."""

    sources: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,47}$")], SourceSpec], Field(max_length=500)
    ]
