"""Salesforce: leads as Lead, and as Contact once sales converted them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from simple_salesforce.exceptions import SalesforceMalformedRequest
from simple_salesforce.format import format_soql

from schemas.errors import Away
from worker.crm import salesforce_changes
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
from worker.crm.mapping import CrmMapping, fill
from worker.crm.owners import Owners
from worker.crm.salesforce_api import Api, told
from worker.crm.salesforce_errors import failed, is_owners, said, words
from worker.settings import settings

#: Records of one read: their ids and addresses must fit into a URL of 16,384 bytes.
_READ: Final = 80
#: The kind of record that a lead is, the record itself where there is one, and how it was found.
_Place = tuple[str, dict[str, Any] | None, How]


class SalesforceCrm:
    """Leads in Salesforce, found by Tasuki's own key, by the record's id, or by e-mail address."""

    batch = 200  # the most that sObject Collections take
    owner_field = "OwnerId"

    def __init__(self, api: Api, mapping: CrmMapping) -> None:
        """Hold the connection and what is written to which field."""
        self._api = api
        self._mapping = mapping
        self._owners = Owners("salesforce", self._find_users, mapping.users)

    # --- write ---

    def write(self, wanted: Sequence[Wanted], held: Held, /) -> list[Result]:
        """Read what there is, then create and update; at most 200 leads."""
        places = self._places(wanted, held)
        owners = self._owners.of(one.card for one in wanted)
        results: list[Result] = []
        made: list[tuple[Wanted, dict[str, Any], Written]] = []
        for one in wanted:
            place = places[one.lead_id]
            if isinstance(place, Failed):
                results.append(place)
                continue
            owner, note = owners.get(one.card, self._mapping.nobody)
            record, done = self._compose(one, place, owner, note)
            if record is None:
                results.append(done)
            else:
                made.append((one, record, done))
        return results + self._send(made)

    def preview(self, wanted: Wanted, held: Held, /) -> dict[str, Any]:
        """Return the record that would be sent."""
        place = self._places([wanted], held)[wanted.lead_id]
        if isinstance(place, Failed):
            return {"error": place.error}
        owner, note = self._owners.of([wanted.card]).get(wanted.card, self._mapping.nobody)
        record, done = self._compose(wanted, place, owner, note)
        return {
            "object": done.object,
            "record": done.crm_id or None,
            "fields": record or {},
            "note": done.note,
        }

    def _compose(
        self, one: Wanted, place: _Place, owner: str | None, note: str | None
    ) -> tuple[dict[str, Any] | None, Written]:
        """Return the record to send, or None when it holds everything already."""
        kind, current, how = place
        where = one.card.get("situation", "")
        card = {**one.card, "owner": owner, "status": self._mapping.status.get(where)}
        same = one.crm_id is not None and current is not None and current["Id"] == one.crm_id
        send, digests = fill(self._mapping.objects[kind], card, current, one.written if same else {})
        done = Written(one.lead_id, kind, current["Id"] if current else "", how, digests, note)
        key = self._mapping.id_field
        if current is None:
            return {"attributes": {"type": kind}, key: str(one.lead_id), **send}, done
        if current.get(key) != str(one.lead_id):
            send[key] = str(one.lead_id)
        return ({"attributes": {"type": kind}, "id": current["Id"], **send} if send else None), done

    def _send(self, made: list[tuple[Wanted, dict[str, Any], Written]]) -> list[Result]:
        """Create by upsert on our own key, so that a repeat makes no second record; update by id."""
        new = [one for one in made if not one[2].crm_id]
        known = [one for one in made if one[2].crm_id]
        results = self._call(new, "PATCH", f"sobjects/Lead/{self._mapping.id_field}")
        return results + self._call(known, "PATCH", "sobjects")

    def _call(
        self, made: list[tuple[Wanted, dict[str, Any], Written]], method: str, path: str
    ) -> list[Result]:
        if not made:
            return []
        headers = {}
        if self._mapping.duplicates == "allow":
            headers["Sforce_Duplicate_Rule_Header"] = "allowSave=true"
        try:
            answers = self._api.composite(method, path, [record for _, record, _ in made], **headers)
        except SalesforceMalformedRequest as no:
            if len(made) > 1:  # one of them is what Salesforce cannot read: it is found by halving
                half = len(made) // 2
                return self._call(made[:half], method, path) + self._call(made[half:], method, path)
            code, words = told(no)
            return [Failed(made[0][0].lead_id, said(code, words), again=False)]
        if len(answers) != len(made):
            raise Away(f"Salesforce gave {len(answers)} results for {len(made)} records")
        results: list[Result] = []
        without_owner = []
        for (one, record, done), answer in zip(made, answers, strict=True):
            if answer.get("success"):
                crm_id = str(answer.get("id") or done.crm_id)
                results.append(Written(one.lead_id, done.object, crm_id, done.how, done.written, done.note))
                continue
            error = (answer.get("errors") or [{}])[0]
            if is_owners(error) and "OwnerId" in record:
                without_owner.append(self._without_owner(one, record, done, error))
            else:
                results.append(failed(one.lead_id, error))
        return results + self._call(without_owner, method, path)

    def _without_owner(
        self, one: Wanted, record: dict[str, Any], done: Written, error: dict[str, Any]
    ) -> tuple[Wanted, dict[str, Any], Written]:
        self._owners.forget()
        rest = {name: value for name, value in record.items() if name != "OwnerId"}
        digests = {name: value for name, value in done.written.items() if name != "OwnerId"}
        note = f"the owner was not written: {words(error)}"
        return one, rest, Written(one.lead_id, done.object, done.crm_id, done.how, digests, note)

    # --- find ---

    def _places(self, wanted: Sequence[Wanted], held: Held) -> dict[int, _Place | Failed]:
        """Return where each lead is to be written; a record is one lead's."""
        found = self._read(wanted)
        places = {one.lead_id: self._place(one, found) for one in wanted}
        there = {
            lead_id: place[1] for lead_id, place in places.items()
            if not isinstance(place, Failed) and place[1] is not None
        }  # fmt: skip
        numbered = {
            lead_id for lead_id, row in there.items() if row.get(self._mapping.id_field) == str(lead_id)
        }
        ids = {lead_id: str(row["Id"]) for lead_id, row in there.items()}
        return places | not_theirs(wanted, ids, numbered, held)

    def _read(self, wanted: Sequence[Wanted]) -> dict[str, list[dict[str, Any]]]:
        """Return the Leads and Contacts that may be these leads."""
        found: dict[str, list[dict[str, Any]]] = {"Lead": [], "Contact": []}
        for start in range(0, len(wanted), _READ):
            part = wanted[start : start + _READ]
            found["Lead"] += self._records("Lead", part, ["IsConverted", "ConvertedContactId"])
            moved = [row["ConvertedContactId"] for row in found["Lead"] if row.get("ConvertedContactId")]
            found["Contact"] += self._records("Contact", part, [], moved)
        return found

    def _records(
        self, kind: str, part: Sequence[Wanted], more: list[str], ids: Iterable[str] = ()
    ) -> list[dict[str, Any]]:
        key = self._mapping.id_field
        fields = [name for name, spec in self._mapping.objects[kind].items() if spec is not None]
        names = list(dict.fromkeys(["Id", key, "Email", *more, *fields]))
        asked = {
            "Id": sorted({*(one.crm_id for one in part if one.crm_id and one.object == kind), *ids}),
            key: [str(one.lead_id) for one in part],
            "Email": sorted({one.card["email"] for one in part if not one.crm_id and one.card.get("email")}),
        }
        wheres = [format_soql(f"{name} IN {{}}", values) for name, values in asked.items() if values]
        return self._api.query(f"SELECT {', '.join(names)} FROM {kind} WHERE {' OR '.join(wheres)}")  # noqa: S608 - SOQL, quoted by its library

    def _place(self, one: Wanted, found: dict[str, list[dict[str, Any]]]) -> _Place | Failed:
        """Return the one record that the lead is, or none; several are a person's to settle."""
        contacts = {row["Id"]: row for row in found["Contact"]}
        leads = {row["Id"]: row for row in found["Lead"]}
        if one.crm_id is not None:
            row = leads.get(one.crm_id) or contacts.get(one.crm_id)
            if row is None:
                words = f"{one.object} {one.crm_id} was deleted in Salesforce; the lead's next change makes a new one"
                return Failed(one.lead_id, words, again=False, gone=True)
            return self._alive(one, row, contacts, "matched")
        own = [
            row
            for row in (*leads.values(), *contacts.values())
            if row.get(self._mapping.id_field) == str(one.lead_id)
        ]
        same = own or [
            row for row in (*leads.values(), *contacts.values())
            if one.card.get("email") and str(row.get("Email") or "").lower() == one.card["email"]
        ]  # fmt: skip
        places = {row["ConvertedContactId"] if row.get("IsConverted") else row["Id"]: row for row in same}
        if not places:
            return "Lead", None, "created"
        if len(places) > 1:
            words = (
                f"{len(places)} records are this person: {', '.join(sorted(map(str, places)))}; merge them"
            )
            return Failed(one.lead_id, words, again=False)
        return self._alive(one, next(iter(places.values())), contacts, "matched")

    def _alive(
        self, one: Wanted, row: dict[str, Any], contacts: dict[str, dict[str, Any]], how: How
    ) -> _Place | Failed:
        """Follow a converted lead to its contact."""
        if row.get("IsConverted"):
            contact = contacts.get(str(row.get("ConvertedContactId")))
            if contact is None:
                return Failed(
                    one.lead_id, f"Lead {row['Id']} is converted, and its contact cannot be seen", again=False
                )
            row, how = contact, "converted"
        theirs = row.get(self._mapping.id_field)
        if theirs and theirs != str(one.lead_id) and how == "matched" and one.crm_id is None:
            return already(one.lead_id, row["Id"], theirs)
        return ("Lead" if "IsConverted" in row else "Contact"), row, how

    # --- the rest ---

    def erase(self, linked: Sequence[Linked], /) -> list[Result]:
        """Delete the records, or take everything out of them that the mapping writes."""
        if self._mapping.erase == "keep" or not linked:
            return [Written(one.lead_id, one.object, one.crm_id, "told") for one in linked]
        try:
            if self._mapping.erase == "delete":
                answers = self._api.delete([one.crm_id for one in linked])
            else:
                answers = self._api.composite("PATCH", "sobjects", [self._nobody(one) for one in linked])
        except SalesforceMalformedRequest as no:
            if len(linked) > 1:
                half = len(linked) // 2
                return self.erase(linked[:half]) + self.erase(linked[half:])
            return [Failed(linked[0].lead_id, said(*told(no)), again=False)]
        if len(answers) != len(linked):
            raise Away(f"Salesforce gave {len(answers)} results for {len(linked)} records")
        results: list[Result] = []
        for one, answer in zip(linked, answers, strict=True):
            error = (answer.get("errors") or [{}])[0]
            if answer.get("success") or error.get("statusCode") in ("ENTITY_IS_DELETED", "NOT_FOUND"):
                results.append(Written(one.lead_id, one.object, one.crm_id, "told"))
            else:
                results.append(failed(one.lead_id, error))
        return results

    def _nobody(self, one: Linked) -> dict[str, Any]:
        fields = {
            name: spec.otherwise for name, spec in self._mapping.objects[one.object].items()
            if spec is not None and name not in ("OwnerId", "Status")
        }  # fmt: skip
        return {"attributes": {"type": one.object}, "id": one.crm_id, **fields, self._mapping.id_field: None}

    def changes(self, cursor: dict[str, Any], since: datetime, /) -> Page:
        """Read what changed, by SystemModstamp."""
        return salesforce_changes.read(self._api, self._mapping, cursor, since)

    def key_of(self, crm_id: str, /) -> str | None:
        """Return the 15-character form, which Salesforce's own events carry through the adapter."""
        return salesforce_changes.short_id(crm_id)

    def owner_emails(self, owners: Sequence[str], /) -> dict[str, str]:
        """Return the addresses of users."""
        rows = (
            self._api.query(format_soql("SELECT Id, Email FROM User WHERE Id IN {}", list(owners)))
            if owners
            else []
        )
        return {row["Id"]: str(row["Email"]).lower() for row in rows if row.get("Email")}

    def look(self) -> Health:
        """Log in, and ask what is left of the org's calls."""
        daily = self._api.limits().get("DailyApiRequests") or {}
        return Health(str(settings().crm_url), daily.get("Remaining"))

    def calls_left(self) -> int | None:
        """Return what the last answer said."""
        return self._api.calls_left()

    def _find_users(self, emails: Sequence[str]) -> dict[str, list[str]]:
        soql = "SELECT Id, Email FROM User WHERE IsActive = true AND UserType = 'Standard' AND Email IN {}"
        found: dict[str, list[str]] = {}
        for row in self._api.query(format_soql(soql, list(emails))):
            found.setdefault(str(row["Email"]).lower(), []).append(row["Id"])
        return found
