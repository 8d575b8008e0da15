"""Any other CRM: one signed webhook (Standard Webhooks) with everything that there is to tell of a lead."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from schemas.errors import Away, Refused
from worker.crm import reach
from worker.crm.base import Failed, Halted, Health, Held, Linked, Page, Result, Wanted, Written
from worker.crm.card import FACTS
from worker.crm.mapping import CrmMapping
from worker.crm.reach import ANSWER_CHARS
from worker.notices.answers import retry_after
from worker.notices.guard import Answer
from worker.notices.signing import signed
from worker.now import now
from worker.settings import settings

T = TypeVar("T", Wanted, Linked)

NAME: Final = "webhook"
#: What one lead's data is beside its facts.
OWN: Final = {
    "tasuki_id": "Tasuki's number of the lead: the key of its record",
    "crm_id": "the record's id, once the receiver told one",
    "version": "counts the lead's changes: a lower one than was seen before is old",
}
#: Facts that name something of the CRM's, which Tasuki does not know here.
_NOT_HERE: Final = frozenset({"lifecycle"})
_TIMEOUT_S: Final = 15.0
#: Bytes that are read of an answer; all that is looked for in it is an id.
_ANSWER_BYTES: Final = 65_536
_ID_CHARS: Final = 255
_BUSY: Final = (408, 425, 429)
#: The setting or the receiver is wrong, and not the lead.
_SETTINGS: Final = (401, 403, 404, 410)
_SERVER: Final = 500
_OK: Final = range(200, 300)


def carries() -> dict[str, str]:
    """Return what the data of one lead may hold: name and meaning."""
    return OWN | {name: words for name, words in FACTS.items() if name not in _NOT_HERE}


class WebhookCrm:
    """A receiver that keeps the CRM itself. It may answer `{"id": ...}`, the record that the lead is."""

    batch = 20
    owner_field = "owner"

    def __init__(self, mapping: CrmMapping) -> None:
        """Hold what is told of whom."""
        self._mapping = mapping

    def write(self, wanted: Sequence[Wanted], _held: Held, /) -> list[Result]:
        """Tell one lead after the other; a receiver that is away ends the round."""
        return _each(wanted, self._write)

    def _write(self, one: Wanted) -> Result:
        answer = self._post(f"crm-{one.lead_id}-{one.version}", "crm.lead", self._body(one))
        said = _read(answer)
        if isinstance(said, dict) and (
            said.get("ok") is False or said.get("success") is False or said.get("error")
        ):
            # Many answer 200 to everything. What is wrong we cannot know, so it is tried again, and shown meanwhile.
            words = f"the CRM's receiver answered {answer.status} with an error: {answer.text[:ANSWER_CHARS]}"
            return Failed(one.lead_id, words, again=True)
        crm_id = said.get("id") if isinstance(said, dict) else None
        known = one.crm_id or f"tasuki:{one.lead_id}"
        if not isinstance(crm_id, str | int) or isinstance(crm_id, bool):
            note = (
                None if answer.whole else f"the answer is longer than {_ANSWER_BYTES} bytes: no id was read"
            )
            return Written(one.lead_id, "lead", known, "told", note=note)
        text = str(crm_id)
        if not (0 < len(text) <= _ID_CHARS and text.isprintable()):
            note = f"the id in the answer is no id: 1 to {_ID_CHARS} printable characters"
            return Written(one.lead_id, "lead", known, "told", note=note)
        return Written(one.lead_id, "lead", text, "told")

    def _body(self, one: Wanted) -> dict[str, Any]:
        told = one.crm_id if one.crm_id and not one.crm_id.startswith("tasuki:") else None
        where, rep = one.card.get("situation", ""), one.card.get("rep")
        owner = self._mapping.nobody if rep is None else self._mapping.users.get(rep)
        return {"tasuki_id": str(one.lead_id), "crm_id": told, "version": one.version, **one.card,
                **({} if owner is None else {"owner": owner}), "status": self._mapping.status.get(where, where)}  # fmt: skip

    def preview(self, wanted: Wanted, _held: Held, /) -> dict[str, Any]:
        """Return the data of the event that would be sent."""
        return {"object": "lead", "record": wanted.crm_id, "fields": self._body(wanted), "note": None}

    def erase(self, linked: Sequence[Linked], /) -> list[Result]:
        """Tell that leads are erased, and by which policy."""
        return _each(linked, self._erase)

    def _erase(self, one: Linked) -> Result:
        body = {"tasuki_id": str(one.lead_id), "crm_id": one.crm_id, "policy": self._mapping.erase}
        self._post(f"crm-erased-{one.lead_id}", "crm.lead_erased", body)
        return Written(one.lead_id, one.object, one.crm_id, "told")

    def _post(self, key: str, kind: str, data: dict[str, Any]) -> Answer:
        url, secret = settings().crm_url, settings().crm_secret
        if url is None or secret is None:
            raise Away("no way to the CRM's receiver: set TASUKI_CRM_URL and TASUKI_CRM_SECRET")
        body, headers = signed(secret.get_secret_value(), key, kind, data, now(), named="TASUKI_CRM_SECRET")
        answer = reach.call(
            NAME, "POST", str(url), body, headers, timeout_s=_TIMEOUT_S, most=_ANSWER_BYTES,
            who="CRM's receiver",
        )  # fmt: skip
        if answer.status in _OK:
            return answer
        text = f"the CRM's receiver answered {answer.status} {answer.text[:ANSWER_CHARS]}"
        if answer.status in _BUSY or answer.status >= _SERVER:
            raise Away(text, retry_after(answer.headers.get("retry-after")))
        if answer.status in _SETTINGS:
            raise Away(text, 300.0)
        raise _No(text)

    def changes(self, _cursor: dict[str, Any], _since: datetime, /) -> Page:
        """Say that a receiver cannot be asked."""
        raise Refused("a webhook cannot be asked what changed; let the CRM send its outcomes to Tasuki")

    def key_of(self, crm_id: str, /) -> str | None:
        """Return the receiver's own id, when it told one."""
        return None if crm_id.startswith("tasuki:") else crm_id

    def owner_emails(self, _owners: Sequence[str], /) -> dict[str, str]:
        """Return nothing: the receiver is never asked."""
        return {}

    def calls_left(self) -> int | None:
        """Return nothing: a receiver tells no budget."""
        return None

    def look(self) -> Health:
        """Send a signed `crm.ping`, which a receiver answers with 2xx and forgets."""
        self._post("crm-ping", "crm.ping", {})
        return Health(str(settings().crm_url))


class _No(Refused):
    """The receiver does not take this lead, whereas another one it may."""


def _each(ones: Sequence[T], tell: Callable[[T], Result]) -> list[Result]:
    """Tell one after the other, until the receiver is away."""
    results: list[Result] = []
    for one in ones:
        try:
            results.append(tell(one))
        except _No as no:
            results.append(Failed(one.lead_id, str(no), again=False))
        except Away as away:
            raise Halted(away, results, one.lead_id) from away
        except Refused as no:  # where it is must not be called: a setting, and no fault of the lead's
            raise Halted(Away(str(no), 300.0), results, one.lead_id) from no
    return results


def _read(answer: Answer) -> Any:
    """Return an answer's JSON, or None where it is none."""
    try:
        return msgspec.json.decode(answer.text)
    except (ValueError, RecursionError):
        return None
