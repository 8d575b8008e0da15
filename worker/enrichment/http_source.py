"""A source behind HTTP: one GET a question, with time-outs, a size limit and no redirects."""

import time
from typing import Any, Final
from urllib.parse import quote

import httpx2
import stamina

from routing_rules.domains import registrable
from schemas.enrichment import HttpSource
from schemas.errors import Away, NotUnderstood, Refused
from schemas.strict_json import loads
from worker.enrichment.sources import Question
from worker.notices.answers import retry_after
from worker.settings import settings

#: The largest answer that is read, in bytes.
MAX_ANSWER: Final = 1_000_000
#: Tries of one question, within seconds; what fails them waits for the next round.
TRIES: Final = 2
_UNKNOWN: Final = (404, 410)
_OUR_FAULT: Final = (400, 401, 403, 405, 422)


class HttpAsker:
    """Asks one HTTP source."""

    def __init__(self, source: HttpSource) -> None:
        """Keep what the file says of the source."""
        self._source = source

    def ask(self, question: Question) -> dict[str, Any]:
        """Return what the source says of a company; see `Asker`."""
        for attempt in stamina.retry_context(
            on=_at_once, attempts=TRIES, wait_initial=0.2, wait_max=1.0, wait_jitter=0.2
        ):
            with attempt:
                return self._once(question)
        raise AssertionError  # the loop returns or raises

    def _once(self, question: Question) -> dict[str, Any]:
        source = self._source
        token = settings().enrichment_tokens.get(source.id)
        secret = "" if token is None else token.get_secret_value()
        url = source.url.replace(f"{{{question.kind}}}", quote(question.value, safe=""))
        headers = {name: value.replace("{token}", secret) for name, value in source.headers.items()}
        try:
            status, body, wait = self._get(url, {"accept": "application/json", **headers})
        except httpx2.HTTPError as error:
            raise Away(f"away: {type(error).__name__}") from error
        except (httpx2.InvalidURL, UnicodeEncodeError) as error:
            raise Refused(
                f"cannot be asked ({type(error).__name__}); look at its url, headers and token"
            ) from None
        if status in _UNKNOWN:
            return {}
        if status in _OUR_FAULT:
            raise Refused(f"answered {status}; look at its url, headers and token")
        if status != 200:  # noqa: PLR2004
            raise Away(f"answered {status}", wait)
        try:
            answer = loads(body)
        except NotUnderstood as problem:
            raise Away(f"answered what is no JSON: {problem.mend}") from problem
        if not self._is_about(answer, question):
            return {}
        return {name: value for name, place in source.say.items() if (value := at(answer, place)) is not None}

    def _get(self, url: str, headers: dict[str, str]) -> tuple[int, bytes, float | None]:
        until = time.monotonic() + 2 * self._source.timeout
        body = b""
        with httpx2.stream(
            "GET", url, headers=headers, timeout=float(self._source.timeout), follow_redirects=False
        ) as answer:
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise Away(f"answered more than {MAX_ANSWER} bytes")
                if time.monotonic() > until:
                    raise Away("answers too slowly")
            return answer.status_code, body, retry_after(answer.headers.get("retry-after"))

    def _is_about(self, answer: Any, question: Question) -> bool:
        """Tell whether the answer is about the company that was asked for, where the file says how to tell."""
        place = self._source.check.get(question.kind)
        if place is None:
            return True
        found = at(answer, place)
        if question.kind == "domain":
            return isinstance(found, str) and registrable(found.removeprefix("www.")) == question.value
        return str(found) == question.value


def _at_once(error: Exception) -> bool:
    """Tell whether a try may be repeated a moment later: not where the source said when to come back."""
    return isinstance(error, Away) and not error.retry_after_s


def at(answer: Any, place: str) -> Any:
    """Return what stands at a place (`items.0.name`) of an answer, None where there is no such place."""
    for part in place.split("."):
        if isinstance(answer, dict):
            answer = answer.get(part)
        elif isinstance(answer, list) and part.isdecimal() and int(part) < len(answer):
            answer = answer[int(part)]
        else:
            return None
    return answer
