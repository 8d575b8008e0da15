"""One HTTP request and its answer, as intake sees them: no web framework, bytes as they were sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

#: Most parameters of a query that are read.
_MAX_PARAMETERS = 50


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was sent.

    `url` is the one that the public sees (TASUKI_PUBLIC_URL with path and query, percent-escapes untouched):
    HubSpot signs it, and a Host header is a client's word.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """Return a header that stands once; None where it is missing, and where it stands twice."""
        found = [value for key, value in self.headers if key == name.lower()]
        return found[0].strip(" \t") if len(found) == 1 else None

    def parameter(self, name: str) -> str | None:
        """Return a parameter of the query that stands once, else None."""
        try:
            pairs = parse_qsl(
                urlsplit(self.url).query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS
            )
        except ValueError:
            return None
        found = [value for key, value in pairs if key == name]
        return found[0] if len(found) == 1 else None


def make(
    method: str, url: str, headers: Mapping[str, str] | Iterable[tuple[str, str]], body: bytes = b""
) -> Request:
    """Return a request; names of headers are told apart without regard to case."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return Request(method.upper(), url, tuple((name.lower(), value) for name, value in pairs), body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: the status, headers and body."""

    status: int
    headers: dict[str, str]
    body: bytes
    #: What became of the request, in a word for the counts: a situation of `answers`, or `handshake`.
    outcome: str
    #: Why it was not proven or not fit, in a few words of ours.
    reason: str = ""
