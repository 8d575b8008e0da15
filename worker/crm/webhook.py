"""Any other CRM: one signed webhook (Standard Webhooks) with everything that there is to tell of a lead."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import httpx2
import msgspec
from standardwebhooks.webhooks import Webhook

from schemas.errors import Away, Refused
from worker.crm.base import Failed, Health, Linked, Page, Result, Wanted, Written
from worker.crm.mapping import CrmMapping
from worker.crm.meter import take_turn
from worker.crm.reach import ANSWER_CHARS, check_url, retry_after
from worker.now import now, wall_time
from worker.settings import settings

NAME: Final = "webhook"
_TIMEOUT: Final = httpx2.Timeout(15.0, connect=5.0)
_GONE: Final = 410
_BUSY: Final = (408, 425, 429)
_SERVER: Final = 500
_OK: Final = range(200, 300)


class WebhookCrm:
    """A receiver that keeps the CRM itself. It may answer `{"id": ...}`, the record that the lead is."""

    batch = 20
    owner_field = "owner"

    def __init__(self, mapping: CrmMapping) -> None:
        """Hold what is told of whom."""
        self._mapping = mapping
        self._client = httpx2.Client(timeout=_TIMEOUT, follow_redirects=False)

    def write(self, wanted: Sequence[Wanted], /) -> list[Result]:
        """Tell one lead after the other; a receiver that is away ends the round."""
        results: list[Result] = []
        for one in wanted:
            try:
                results.append(self._write(one))
            except Away as away:
                if not results:
                    raise
                # Those that were told stay told; the others wait for the next round.
                late = wanted[len(results) :]
                return results + [
                    Failed(left.lead_id, str(away), again=True, wait_s=away.retry_after_s) for left in late
                ]
        return results

    def _write(self, one: Wanted) -> Result:
        try:
            answer = self._post(f"crm-{one.lead_id}-{one.version}", "crm.lead", self._body(one))
        except Refused as no:
            return Failed(one.lead_id, str(no), again=False)
        crm_id = answer.get("id") if isinstance(answer, dict) else None
        known = str(crm_id) if isinstance(crm_id, str | int) and not isinstance(crm_id, bool) else one.crm_id
        return Written(one.lead_id, "lead", known or f"tasuki:{one.lead_id}", "told")

    def _body(self, one: Wanted) -> dict[str, Any]:
        told = one.crm_id if one.crm_id and not one.crm_id.startswith("tasuki:") else None
        where = one.card.get("situation", "")
        return {"tasuki_id": str(one.lead_id), "crm_id": told, "version": one.version, **one.card,
                "status": self._mapping.status.get(where, where)}  # fmt: skip

    def preview(self, wanted: Wanted, /) -> dict[str, Any]:
        """Return the data of the event that would be sent."""
        return {"object": "lead", "record": wanted.crm_id, "fields": self._body(wanted), "note": None}

    def erase(self, linked: Sequence[Linked], /) -> list[Result]:
        """Tell that leads are erased, and by which policy."""
        results: list[Result] = []
        for one in linked:
            body = {"tasuki_id": str(one.lead_id), "crm_id": one.crm_id, "policy": self._mapping.erase}
            try:
                self._post(f"crm-erased-{one.lead_id}", "crm.lead_erased", body)
                results.append(Written(one.lead_id, one.object, one.crm_id, "told"))
            except Refused as no:
                results.append(Failed(one.lead_id, str(no), again=False))
        return results

    def _post(self, key: str, kind: str, data: dict[str, Any]) -> Any:
        url, secret = settings().crm_url, settings().crm_secret
        if url is None or secret is None:
            raise Away("no way to the CRM's receiver: set TASUKI_CRM_URL and TASUKI_CRM_SECRET")
        check_url(str(url))
        take_turn(NAME)
        signed_at = datetime.fromtimestamp(int(wall_time()), UTC)  # receivers compare it with their own clock
        payload = msgspec.json.encode({"type": kind, "timestamp": now().isoformat(), "data": data}).decode()
        try:
            signature = Webhook(secret.get_secret_value()).sign(key, signed_at, payload)
        except ValueError as error:
            raise Away("TASUKI_CRM_SECRET is no secret of Standard Webhooks: whsec_ and base64") from error
        headers = {
            "content-type": "application/json", "webhook-id": key,
            "webhook-timestamp": str(int(signed_at.timestamp())), "webhook-signature": signature,
        }  # fmt: skip
        try:
            answer = self._client.post(str(url), content=payload.encode(), headers=headers)
        except httpx2.HTTPError as error:
            raise Away(f"the CRM's receiver is away: {type(error).__name__}") from error
        if answer.status_code in _OK:
            try:
                return answer.json()
            except ValueError:
                return None
        text = f"the CRM's receiver answered {answer.status_code} {answer.text[:ANSWER_CHARS]}"
        if answer.status_code in _BUSY or answer.status_code >= _SERVER:
            raise Away(text, retry_after(answer.headers.get("retry-after")))
        if answer.status_code in (
            401,
            403,
            404,
            _GONE,
        ):  # the setting or the receiver is wrong, and not the lead
            raise Away(text, 300.0)
        raise Refused(text)

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

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def look(self) -> Health:
        """Send a signed `crm.ping`, which a receiver answers with 2xx and forgets."""
        self._post("crm-ping", "crm.ping", {})
        return Health(str(settings().crm_url))
