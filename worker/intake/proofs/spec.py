"""What is configured of a proof, and the table of HMAC schemes: header, algorithm, bytes signed, clock."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Contract

Algorithm = Literal["sha1", "sha256", "sha384", "sha512"]
Encoding = Literal["hex", "base64"]
Unit = Literal["s", "ms", "http_date"]
#: What a signature may be made of: `{body}`, `{timestamp}`, `{id}`, `{method}`, `{url}` and plain text.
SIGNED_PART: Final = re.compile(r"\{(body|timestamp|id|method|url)\}")


@dataclass(frozen=True, slots=True)
class HmacScheme:
    """How one platform signs."""

    header: str
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    signed: str = "{body}"
    #: The header of the time; `in_signature`: the signature header is `t=...,v1=...`.
    timestamp: str | None = None
    in_signature: bool = False
    unit: Unit = "s"
    tolerance_s: int = 300


#: research/ma-platforms.md, section 1. What stands there as unverified is so here.
HMACS: Final[dict[str, HmacScheme]] = {
    "mautic": HmacScheme("webhook-signature", encoding="base64"),
    "segment": HmacScheme("x-signature", "sha1"),
    "meta": HmacScheme("x-hub-signature-256", prefix="sha256="),
    "typeform": HmacScheme("typeform-signature", encoding="base64", prefix="sha256="),
    "linkedin": HmacScheme("x-li-signature", signed="hmacsha256={body}"),
    "intercom": HmacScheme("x-hub-signature", "sha1", prefix="sha1="),
    "customerio": HmacScheme("x-cio-signature", signed="v0:{timestamp}:{body}", timestamp="x-cio-timestamp"),
    "klaviyo": HmacScheme(
        "klaviyo-signature", signed="{body}{timestamp}", timestamp="klaviyo-timestamp", unit="http_date"
    ),
    "calendly": HmacScheme(
        "calendly-webhook-signature", signed="{timestamp}.{body}", in_signature=True, tolerance_s=180
    ),
    "mailchimp": HmacScheme("x-mailchimp-signature", signed="{timestamp}.{body}", in_signature=True),
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a way of proof needs to be configured."""

    needs_secret: bool = True
    needs: tuple[str, ...] = ()
    #: Whether it proves the content, or only that the sender knows a word.
    signs: bool = True


SCHEMES: Final[dict[str, Scheme]] = {
    **dict.fromkeys(HMACS, Scheme()),
    "hubspot_v3": Scheme(),
    "hubspot_v2": Scheme(),
    "hubspot_v1": Scheme(),
    "adobe": Scheme(needs_secret=False),
    "standard_webhooks": Scheme(),
    "hmac": Scheme(needs=("header",)),
    "header": Scheme(signs=False),
    "url": Scheme(signs=False),
    "basic": Scheme(signs=False),
    "body": Scheme(signs=False),
}


class ProofSpec(Contract):
    """One way of proof. `mautic` alone is short for `{scheme: mautic}`."""

    scheme: str
    #: `header`: whose value is the secret (a leading `Bearer ` is taken off). `hmac`: that of the signature.
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,80}$")] | None = None
    #: `url`: the parameter of the query. `body`: the name in the JSON object.
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,80}$")] | None = None
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: Annotated[str, Field(max_length=40)] = ""
    signed: Annotated[str, Field(max_length=200)] = "{body}"
    timestamp: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,80}$")] | None = None
    unit: Unit = "s"
    tolerance_s: Annotated[int, Field(ge=1, le=3_600)] = 300

    @model_validator(mode="after")
    def _known(self) -> Self:
        scheme = SCHEMES.get(self.scheme)
        if scheme is None:
            raise ValueError(f"no proof is called {self.scheme[:60]!r}; known are {', '.join(SCHEMES)}")
        for name in scheme.needs:
            if getattr(self, name) is None:
                raise ValueError(f"`{name}` is missing: {self.scheme} needs it")
        if self.scheme == "hmac":
            self._check_signed()
        return self

    def _check_signed(self) -> None:
        parts = SIGNED_PART.findall(self.signed)
        if "body" not in parts:
            raise ValueError("`signed` must hold {body}; a signature that leaves it out proves nothing of it")
        if re.sub(SIGNED_PART, "", self.signed).count("{"):
            raise ValueError("`signed` knows {body}, {timestamp}, {method} and {url} only")
        if ("timestamp" in parts) != (self.timestamp is not None):
            raise ValueError("`timestamp` (its header) and {timestamp} in `signed` go together")
        if "id" in parts:
            raise ValueError("{id} is of standard_webhooks only")

    def hmac(self) -> HmacScheme | None:
        """Return how it is signed, if it is an HMAC."""
        if self.scheme != "hmac":
            return HMACS.get(self.scheme)
        return HmacScheme(
            str(self.header), self.algorithm, self.encoding, self.prefix, self.signed, self.timestamp,
            unit=self.unit, tolerance_s=self.tolerance_s,
        )  # fmt: skip
