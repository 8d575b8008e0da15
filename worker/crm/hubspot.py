"""HubSpot: leads as contacts."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from schemas.errors import Away
from worker.crm import hubspot_changes
from worker.crm.base import (
    Failed,
    Health,
    Held,
    How,
    Linked,
    Page,
    Result,
    Wanted,
    Written,
    already,
    not_theirs,
)
from worker.crm.hubspot_api import Api, BadRequest, Missing
from worker.crm.mapping import CrmMapping, fill
from worker.crm.owners import Owners
from worker.settings import settings

#: HubSpot's words for a property that the account does not have.
_NO_PROPERTY: Final = re.compile(r'PROPERTY_DOESNT_EXIST|Property "?\\?"?[\w]+\\?"? does not exist')

#: HubSpot's category for a record that is not there.
_GONE: Final = "OBJECT_NOT_FOUND"

_Row = dict[str, Any]
_Made = tuple[Wanted, dict[str, Any], Written]


class HubspotCrm:
    """Leads in HubSpot, found by Tasuki's own property, by the contact's id, or by e-mail address."""

    batch = 100  # the most that batch calls take
    owner_field = "hubspot_owner_id"

    def __init__(self, api: Api, mapping: CrmMapping) -> None:
        """Hold the connection and what is written to which property."""
        self._api = api
        self._mapping = mapping
        self._key = mapping.id_field
        self._owners = Owners("HubSpot", self._find_users, mapping.users)

    # --- write ---

    def write(self, wanted: Sequence[Wanted], held: Held, /) -> list[Result]:
        """Read what there is, then create and update; at most 100 leads."""
        found = self._read(wanted, held)
        owners = self._owners.of(one.card for one in wanted)
        results: list[Result] = []
        new: list[_Made] = []
        known: list[_Made] = []
        for one in wanted:
            place = found[one.lead_id]
            if isinstance(place, Failed):
                results.append(place)
                continue
            send, done = self._compose(one, place, owners)
            if place is None:
                new.append((one, send, done))
            elif send:
                known.append((one, send, done))
            else:
                results.append(done)
        self._clear_stages([made for made in known if self._goes_back(made, found)])
        return results + self._send("upsert", new) + self._send("update", known)

    def preview(self, wanted: Wanted, held: Held, /) -> dict[str, Any]:
        """Return the properties that would be sent."""
        place = self._read([wanted], held)[wanted.lead_id]
        if isinstance(place, Failed):
            return {"error": place.error}
        send, done = self._compose(wanted, place, self._owners.of([wanted.card]))
        return {"object": "contact", "record": done.crm_id or None, "fields": send, "note": done.note}

    def _compose(self, one: Wanted, place: _Row | None, owners: Owners) -> tuple[dict[str, Any], Written]:
        owner, note = owners.get(one.card, self._mapping.nobody)
        where = one.card.get("situation", "")
        card = {**one.card, "owner": owner, "status": self._mapping.status.get(where),
                "lifecycle": self._mapping.lifecycle.get(where)}  # fmt: skip
        current = None if place is None else place["properties"]
        same = place is not None and one.crm_id is not None
        send, digests = fill(
            self._mapping.objects["contacts"], card, current, one.written if same else {},
            backwards=self._mapping.lifecycle_backwards == "clear",
        )  # fmt: skip
        how: How = "created" if place is None else "matched"
        crm_id = "" if place is None else str(place["id"])
        if current is not None and current.get(self._key) != str(one.lead_id):
            send[self._key] = str(one.lead_id)
        # An empty text clears a property; null is ignored.
        send = {name: "" if value is None else value for name, value in send.items()}
        return send, Written(one.lead_id, "contacts", crm_id, how, digests, note)

    def _goes_back(self, made: _Made, found: dict[int, _Row | Failed | None]) -> bool:
        place = found[made[0].lead_id]
        return isinstance(place, dict) and "lifecyclestage" in made[1] and bool(
            place["properties"].get("lifecyclestage")
        )  # fmt: skip

    def _clear_stages(self, made: Sequence[_Made]) -> None:
        """Empty the lifecycle stage of contacts that go back: HubSpot takes only a later one otherwise."""
        back = [one for one in made if self._mapping.lifecycle_backwards == "clear"]
        if back:
            inputs = [{"id": done.crm_id, "properties": {"lifecyclestage": ""}} for _, _, done in back]
            try:
                self._api.batch("update", {"inputs": inputs})
            except BadRequest:
                return  # one of them is what HubSpot cannot take: the write itself finds out which, and says so

    def _send(self, how: str, made: list[_Made]) -> list[Result]:
        if not made:
            return []
        try:
            answer = self._api.batch(how, {"inputs": [self._input(how, one) for one in made]})
        except BadRequest as error:
            if _NO_PROPERTY.search(str(error)):
                raise Away(
                    f"HubSpot: {error}; make the property, or take it out of the mapping", 300.0
                ) from error
            if len(made) > 1:  # HubSpot refuses the whole batch for one: it is found by halving
                half = len(made) // 2
                return self._send(how, made[:half]) + self._send(how, made[half:])
            return self._alone(how, made[0], error)
        return self._results(made, answer)

    def _input(self, how: str, made: _Made) -> dict[str, Any]:
        one, send, done = made
        named = {"properties": send, "objectWriteTraceId": str(one.lead_id)}
        if how == "upsert":
            return {"idProperty": self._key, "id": str(one.lead_id), **named}
        return {"id": done.crm_id, **named}

    def _alone(self, how: str, made: _Made, error: BadRequest) -> list[Result]:
        """Settle one contact that HubSpot cannot take."""
        one, send, done = made
        if (
            error.category == "CONFLICT"
        ):  # made by somebody else since it was looked for: found at the next try
            return [Failed(one.lead_id, f"HubSpot: {error}", again=True)]
        if self.owner_field in str(error) and self.owner_field in send:
            self._owners.forget()
            rest = {name: value for name, value in send.items() if name != self.owner_field}
            digests = {name: value for name, value in done.written.items() if name != self.owner_field}
            note = f"the owner was not written: {error}"
            return self._send(
                how, [(one, rest, Written(one.lead_id, done.object, done.crm_id, done.how, digests, note))]
            )
        return [Failed(one.lead_id, f"HubSpot: {error.category} {error}", again=False)]

    def _results(self, made: Sequence[_Made], answer: dict[str, Any]) -> list[Result]:
        """Join results and errors with their leads: by our key, by the record, or by the trace of the input."""
        by_key = {
            str(row.get("properties", {}).get(self._key)): str(row["id"]) for row in answer.get("results", [])
        }
        by_id = {str(row["id"]) for row in answer.get("results", [])}
        errors: dict[str, dict[str, Any]] = {}
        for error in answer.get("errors", []):
            context = error.get("context") or {}
            for name in ("objectWriteTraceId", "id", "ids"):
                errors |= {str(value): error for value in context.get(name, [])}
        results: list[Result] = []
        for one, _, done in made:
            crm_id = by_key.get(str(one.lead_id)) or (done.crm_id if done.crm_id in by_id else None)
            error = errors.get(str(one.lead_id)) or errors.get(done.crm_id)
            if error is None and crm_id is not None:
                results.append(Written(one.lead_id, done.object, crm_id, done.how, done.written, done.note))
            elif error is None:
                results.append(Failed(one.lead_id, "HubSpot gave neither result nor error", again=True))
            else:
                words = f"HubSpot: {error.get('category', '')} {str(error.get('message', ''))[:300]}"
                results.append(
                    Failed(one.lead_id, words, again=error.get("category") in ("CONFLICT", "RATE_LIMITS"))
                )
        return results

    # --- find ---

    def _read(self, wanted: Sequence[Wanted], held: Held) -> dict[int, _Row | Failed | None]:
        """Return the contact that each lead is, None where there is none yet."""
        found: dict[int, _Row | Failed | None] = {}
        known = {one.crm_id: one for one in wanted if one.crm_id is not None}
        rows = self._contacts(list(known), None)
        merged = {
            old: row
            for row in rows
            for old in str(row["properties"].get("hs_merged_object_ids") or "").split(";")
        }
        ids = {str(row["id"]): row for row in rows}
        for crm_id, one in known.items():
            words = f"contact {crm_id} was deleted in HubSpot; the lead's next change makes a new one"
            found[one.lead_id] = (
                ids.get(crm_id) or merged.get(crm_id) or Failed(one.lead_id, words, again=False, gone=True)
            )
        new = [one for one in wanted if one.crm_id is None]
        own = {
            row["properties"].get(self._key): row
            for row in self._contacts([str(one.lead_id) for one in new], self._key)
        }
        rest = [one for one in new if str(one.lead_id) not in own and one.card.get("email")]
        by_email = self._by_email(self._contacts(sorted({one.card["email"] for one in rest}), "email"))
        for one in new:
            row = own.get(str(one.lead_id)) or by_email.get(str(one.card.get("email")))
            theirs = row["properties"].get(self._key) if row else None
            if row is not None and theirs and theirs != str(one.lead_id):
                found[one.lead_id] = already(one.lead_id, str(row["id"]), theirs)
            else:
                found[one.lead_id] = row
        there = {lead_id: str(place["id"]) for lead_id, place in found.items() if isinstance(place, dict)}
        numbered = {one.lead_id for one in new if str(one.lead_id) in own}
        return {**found, **not_theirs(wanted, there, numbered, held)}

    def _contacts(self, ids: Sequence[str], by: str | None) -> list[_Row]:
        if not ids:
            return []
        names = [name for name, spec in self._mapping.objects["contacts"].items() if spec is not None]
        names = list(
            dict.fromkeys([*names, self._key, "email", "hs_additional_emails", "hs_merged_object_ids"])
        )
        body: dict[str, Any] = {"properties": names, "inputs": [{"id": one} for one in ids]}
        try:
            answer = self._api.batch("read", {**body, "idProperty": by} if by else body)
        except BadRequest as error:
            raise Away(
                f"HubSpot: {error}; make the property {by}, or mend the mapping's `id_field`", 300.0
            ) from error
        for no in answer.get("errors") or []:
            if no.get("category") != _GONE:  # it may be there, and must not be made again
                raise Away(f"HubSpot could not read: {no.get('category')} {str(no.get('message'))[:300]}")
        return list(answer["results"])

    @staticmethod
    def _by_email(rows: Sequence[_Row]) -> dict[str, _Row]:
        found: dict[str, _Row] = {}
        for row in rows:
            said = row["properties"]
            for email in (said.get("email"), *str(said.get("hs_additional_emails") or "").split(";")):
                if email:
                    found[email.lower()] = row
        return found

    def _find_users(self, _emails: Sequence[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for owner in self._api.owners():
            if owner.get("email"):
                found.setdefault(str(owner["email"]).lower(), []).append(str(owner["id"]))
        return found

    # --- the rest ---

    def erase(self, linked: Sequence[Linked], /) -> list[Result]:
        """Delete contacts for good, or take everything out of them that the mapping writes."""
        return [self._erase(one) for one in linked]

    def _erase(self, one: Linked) -> Result:
        try:
            if self._mapping.erase == "delete":
                self._api.forget(one.crm_id)
            elif self._mapping.erase == "anonymise":
                self._empty(one.crm_id)
        except BadRequest as no:
            return Failed(one.lead_id, f"HubSpot: {no.category} {no}", again=False)
        except Missing:
            pass  # nothing is left of it
        return Written(one.lead_id, one.object, one.crm_id, "told")

    def _empty(self, crm_id: str) -> None:
        """Take out of a contact what the mapping writes; a 207 whose error is another than that it is gone raises."""
        names = [name for name, spec in self._mapping.objects["contacts"].items() if spec is not None]
        empty = dict.fromkeys([*(name for name in names if name != self.owner_field), self._key], "")
        answer = self._api.batch("update", {"inputs": [{"id": crm_id, "properties": empty}]})
        for no in answer.get("errors") or []:
            if no.get("category") != _GONE:
                raise BadRequest(no)

    def changes(self, cursor: dict[str, Any], since: datetime, /) -> Page:
        """Read what changed, by the time of the last change."""
        return hubspot_changes.read(self._api, self._mapping, cursor, since)

    def key_of(self, crm_id: str, /) -> str | None:
        """Return the contact's number, by which HubSpot's webhooks name it."""
        return crm_id

    def owner_emails(self, owners: Sequence[str], /) -> dict[str, str]:
        """Return the addresses of owners."""
        if not owners:
            return {}
        return {str(one["id"]): str(one["email"]).lower() for one in self._api.owners() if one.get("email")}

    def calls_left(self) -> int | None:
        """Return what the last answer said."""
        return self._api.calls_left()

    def look(self) -> Health:
        """Ask which account the token opens."""
        portal = self._api.details().get("portalId")
        return Health(
            f"{settings().crm_url or 'https://api.hubapi.com'} (account {portal})", self._api.calls_left()
        )
