"""Calls to URLs that people configure: public addresses only, pinned, bounded in time and in size.

The name is resolved once and the connection goes to the very address that was checked, so that a name which
changes its answer in between (DNS rebinding) gains nothing. TLS still checks the certificate for the name.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore2

from schemas.errors import Away, Refused
from worker.settings import settings

#: Of an answer so many bytes are read; then the connection is cut.
ANSWER_BYTES: Final = 4_096
#: 443, and what unprivileged servers listen on; never a well-known port of another service.
_LEAST_FREE_PORT: Final = 1_024
_HTTPS: Final = 443
#: Carries an IPv4 address in its last 32 bits (RFC 6052).
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said: its status, the beginning of its answer, and its headers in lower case."""

    status: int
    text: str
    headers: dict[str, str]
    #: Whether `text` is all that it said.
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far one call may go, and what is said when it may not."""

    #: Seconds that all of it may take.
    timeout_s: float
    #: Bytes that are read of the answer.
    answer_bytes: int = ANSWER_BYTES
    #: Whether it may go to private addresses, and by plain http.
    private: bool = False
    #: Who is called.
    who: str = "receiver"
    #: What to do when its address is a private one.
    mend: str = "notices go to the internet only"


def check_url(url: str, *, private: bool | None = None, who: str = "receiver") -> None:
    """Refuse a URL that must not be called, by its text alone.

    Args:
        url: which.
        private: whether private networks are allowed; None: as TASUKI_ALLOW_PRIVATE_RECEIVERS says.
        who: is called, in the words of an error.

    Raises:
        Refused: with the mend.

    """
    open_to_all = settings().allow_private_receivers if private is None else private
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused(f"{who}'s URL cannot be read; write one such as https://example.com/hook") from None
    if parts.scheme != "https" and not (open_to_all and parts.scheme == "http"):
        raise Refused(f"{who}'s URL must begin with https://")
    if not parts.hostname:
        raise Refused(f"{who}'s URL names no host")
    if parts.username is not None or parts.password is not None:
        raise Refused(f"{who}'s URL must not hold a user or password")
    if not open_to_all and port is not None and port != _HTTPS and port < _LEAST_FREE_PORT:
        raise Refused(f"{who}'s port {port} is that of another service; use 443")


def is_public(text: str) -> bool:
    """Tell whether an address is one of the public internet, looking into addresses that carry another."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None and not is_public(str(inner)):
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
        or address.is_link_local
    )  # fmt: skip


def resolve(host: str, port: int, bounds: Bounds) -> list[str]:
    """Return the addresses of a host, all of which are public unless the bounds allow others.

    Raises:
        Away: the name is not known now.
        Refused: one of its addresses is not public.

    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Away(f"the name of the {bounds.who} cannot be resolved: {type(error).__name__}") from error
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    if not bounds.private and not all(is_public(one) for one in addresses):
        raise Refused(f"the address of the {bounds.who} is not a public one; {bounds.mend}")
    return addresses


class _Timed(httpcore2.NetworkStream):
    """A stream on which nothing lasts past one instant, however slowly the other side drips."""

    def __init__(self, stream: httpcore2.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def _left(self, timeout: float | None) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Pinned(httpcore2.NetworkBackend):
    """Connects to an address that was checked a moment ago, and to no other."""

    def __init__(self, until: float, bounds: Bounds, *, checked: bool) -> None:
        self._plain = httpcore2.SyncBackend()
        self._until = until
        self._bounds = bounds
        self._checked = checked

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:  # fmt: skip
        addresses = resolve(host, port, self._bounds) if self._checked else [host]
        for number, address in enumerate(addresses, 1):
            left = max(min(timeout or 60.0, self._until - time.monotonic()), 0.001)
            try:
                stream = self._plain.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if number == len(addresses) or time.monotonic() >= self._until:
                    raise
                continue
            return _Timed(stream, self._until)
        raise httpcore2.ConnectError


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return httpcore2.default_ssl_context()


def notice_bounds() -> Bounds:
    """Return how far a call for a notice may go, by the settings."""
    return Bounds(settings().delivery_timeout_s, private=settings().allow_private_receivers)


def post(url: str, content: bytes, headers: Mapping[str, str]) -> Answer:
    """Send one POST and return the beginning of the answer. Redirects are answers like others.

    Raises:
        Away: not reached, cut off, or not done within TASUKI_DELIVERY_TIMEOUT_S in all.
        Refused: the URL must not be called.

    """
    return call("POST", url, content, headers, notice_bounds())


def call(method: str, url: str, content: bytes, headers: Mapping[str, str], bounds: Bounds) -> Answer:
    """Make one call and return the beginning of the answer. Redirects are answers like others.

    Args:
        method: such as POST.
        url: where to.
        content: the body.
        headers: its headers; who calls and what encoding is taken are added.
        bounds: how far it may go.

    Raises:
        Away: not reached, cut off, or not done in time.
        Refused: the URL must not be called.

    """
    check_url(url, private=bounds.private, who=bounds.who)
    timeout = bounds.timeout_s
    until = time.monotonic() + timeout
    proxy = settings().notice_proxy_url
    limits = {"connect": timeout, "read": timeout, "write": timeout, "pool": timeout}
    ours = {"user-agent": "tasuki", "accept-encoding": "identity"}
    sent = [*((name, value) for name, value in headers.items() if name.lower() not in ours), *ours.items()]
    try:
        with (
            httpcore2.ConnectionPool(
                ssl_context=_tls(), network_backend=_Pinned(until, bounds, checked=proxy is None), max_connections=1,
                proxy=None if proxy is None else httpcore2.Proxy(str(proxy)),
            ) as pool,
            pool.stream(method, url, headers=sent, content=content, extensions={"timeout": limits}) as response,
        ):  # fmt: skip
            said = _beginning(response, bounds.answer_bytes)
            return Answer(
                response.status, said.decode("utf-8", "replace"),
                {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers},
                len(said) < bounds.answer_bytes,
            )  # fmt: skip
    except (
        httpcore2.TimeoutException,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.ProxyError,
    ) as error:
        raise Away(f"{bounds.who} away: {type(error).__name__}") from error
    except (ssl.SSLError, OSError) as error:
        raise Away(f"{bounds.who} away: {type(error).__name__}") from error


def _beginning(response: httpcore2.Response, most: int) -> bytes:
    """Read at most so many bytes; what a receiver goes on saying is not waited for."""
    read = bytearray()
    for chunk in response.iter_stream():
        read += chunk
        if len(read) >= most:
            break
    return bytes(read[:most])
