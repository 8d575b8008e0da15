"""Make the demo's business day: Tuesday 2026-11-24, 08:30 to 19:00 in Tokyo, as it reached us.

Run by hand when the day should change, and commit what it writes: `python -m worker.local.make_day`. The same
seed gives the same bytes. The folder `day/` then holds payload files, one raw payload a line exactly as it
was sent, and `arrivals.jsonl`, one delivery a line in the order of arrival:

    {"at": ..., "platform": "mautic", "source": "mautic", "file": "mautic.jsonl", "line": 12, "note": "late"}

`line` counts from 1. `note` is there only for what is not ordinary: `sync` (the night's history), `late` (out
of order), `repeat` (sent before), `test` (a platform's test), `other body` (an id seen before, changed), or
`broken: why` (cannot be understood).
"""

import json
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from worker.local import make_day_data as words
from worker.local import make_day_platforms as sent
from worker.local.make_day_people import JST, OPENING, Crowd
from worker.local.make_day_platforms import Act, Person

SEED: Final = 20261124
CLOSING: Final = datetime(2026, 11, 24, 19, 0, tzinfo=JST)
FOLDER: Final = Path(__file__).parent / "day"

#: Of the deliveries of the day: how many come again, and how many come long after they happened.
REPEATS, LATE = 0.045, 0.06
_DEALS: Final = 7


@dataclass(frozen=True, slots=True)
class Delivery:
    """One payload as it reached us."""

    at: datetime
    platform: str
    source: str
    raw: bytes
    note: str | None = None
    #: When the newest thing in it happened.
    happened: datetime | None = None


class Day:
    """Lets the people of the demo be heard of: payloads, in the order of arrival."""

    def __init__(self) -> None:
        """Start from the seed."""
        self.random = random.Random(SEED)
        self.deliveries: list[Delivery] = []
        self.crowd = Crowd(self.random)

    # --- how we hear of it ---

    def deliver(
        self, happened: datetime, platform: str, source: str, raw: bytes, note: str | None = None
    ) -> None:
        """Let a payload arrive seconds after it happened, or long after."""
        delay = timedelta(seconds=self.random.randrange(1, 20))
        if note is None and self.random.random() < LATE:
            delay, note = timedelta(seconds=self.random.randrange(600, 5400)), "late"
        at = min(happened + delay, CLOSING - timedelta(seconds=self.random.randrange(1, 300)))
        self.deliveries.append(Delivery(at, platform, source, raw, note, happened))

    def send(self, act: Act) -> None:
        """Send an act the way its platform does; what a platform cannot tell comes from the web site."""
        person, raw = act.person, None
        if person.platform == "mautic":
            raw = sent.mautic(act)
        elif person.platform == "hubspot":
            raw = sent.hubspot(act)
        elif person.platform == "meta" and act.kind == "captured":
            raw = sent.meta(act)
        elif person.platform == "marketo" and act.kind == "captured":
            raw = sent.marketo_lead(act)
        if raw is not None:
            self.deliver(act.at, person.platform, person.platform, raw)
        elif person.platform != "mautic" or act.kind != "captured":  # Mautic tells who it is with each act
            self.web(act, person.key if person.platform == "web" else None)

    def web(self, act: Act, subject: str | None) -> None:
        """Send a canonical event of the web site."""
        raw = sent.compact(sent.canonical(act, "web", subject, key=f"web-{act.number:06}"))
        self.deliver(act.at, "canonical", "web", raw)

    def send_in_batches(self, platform: str, messages: list[tuple[datetime, dict[str, Any]]]) -> None:
        """Send messages one by one, or two or three that came close together."""
        messages = sorted(messages, key=lambda message: message[0])
        while messages:
            size = self.random.choice((1, 1, 1, 2, 3))
            batch, messages = messages[:size], messages[size:]
            while batch[-1][0] - batch[0][0] > timedelta(minutes=3):
                messages.insert(0, batch.pop())
            content = [message for _, message in batch]
            self.deliver(
                batch[-1][0], platform, platform, sent.compact(content if len(content) > 1 else content[0])
            )

    def sync(self, acts: list[Act]) -> None:
        """Deliver the past at opening, as the night's sync: in no good order."""
        self.random.shuffle(acts)
        for place, act in enumerate(acts):
            person = act.person
            document = sent.canonical(act, person.platform, person.key, key=f"sync-{act.number:06}")
            at = OPENING + timedelta(seconds=place // 12)
            self.deliveries.append(
                Delivery(at, "canonical", person.platform, sent.compact(document), "sync", act.at)
            )

    def run(self) -> list[Delivery]:
        """Make the whole day, in the order of arrival."""
        past: list[Act] = []
        batches: dict[str, list[tuple[datetime, dict[str, Any]]]] = {"segment": [], "marketo": []}
        known = {}
        for person in self.crowd.people:
            known[person.number] = self.crowd.history(person)
            past += known[person.number]
        leaving = [one for one in self.crowd.people if one.behaviour == "newsletter" and known[one.number]][
            :10
        ]
        for person in self.crowd.people:
            acts = self.crowd.today(person, is_known=bool(known[person.number]))
            if person in leaving:
                acts.append(self.crowd.act(acts[-1].at + timedelta(minutes=2), "unsubscribe", person))
            for act in acts:
                reader = {"segment": sent.segment, "marketo": sent.marketo}.get(person.platform)
                message = reader(act) if reader else None
                if message is None:
                    self.send(act)
                else:
                    batches[person.platform].append((act.at, message))
        for platform, messages in batches.items():
            self.send_in_batches(platform, messages)
        self.sync(past)
        buyers = [one for one in self.crowd.people if one.behaviour == "evaluator" and one.country == "JP"]
        self._crm(buyers[:_DEALS])
        self._two_ids([one for one in buyers[_DEALS:] if known[one.number]][:3])
        self._spoil()
        return sorted(self.deliveries, key=lambda delivery: delivery.at)

    def _crm(self, people: list[Person]) -> None:
        """Let the CRM know these leads: deals opened before are won and lost today, others are opened."""
        for place, person in enumerate(people):
            lead, deal = f"00Q000000000{person.number:03}AAA", f"006000000000{person.number:03}AAA"
            made = self.crowd.act(OPENING - timedelta(days=20 - place, hours=3), "crm", person)
            names = {"LastName": person.family, "FirstName": person.given}
            fields = {
                "Name": names,
                "Email": person.email,
                "Company": person.company,
                "Status": "Open - Not Contacted",
            }
            self._change(made, "Lead", "CREATE", lead, fields, "sync")
            act = self.crowd.act(self.crowd.moment(2.0), "crm", person)
            mine = {"Lead_Email__c": person.email}  # a custom field of this org, as Loss_Reason__c is
            if place >= 4:  # noqa: PLR2004
                converted = {
                    "Status": "Closed - Converted",
                    "IsConverted": True,
                    "ConvertedOpportunityId": deal,
                }
                self._change(act, "Lead", "UPDATE", lead, converted)
                continue
            opened = replace(made, at=made.at + timedelta(days=2), number=made.number + 500_000)
            stage = {
                "StageName": "Prospecting",
                "Amount": 800_000.0 + 150_000 * place,
                "IsClosed": False,
                "IsWon": False,
            }
            self._change(opened, "Opportunity", "CREATE", deal, {**stage, **mine}, "sync")
            is_won = place % 2 == 0
            closed = {
                "StageName": "Closed Won" if is_won else "Closed Lost",
                "IsClosed": True,
                "IsWon": is_won,
                **mine,
            }
            more = {"Amount": stage["Amount"]} if is_won else {"Loss_Reason__c": "予算凍結のため来期に再検討"}
            self._change(act, "Opportunity", "UPDATE", deal, {**closed, **more})

    def _change(
        self, act: Act, entity: str, change: str, record: str, fields: dict[str, Any], note: str | None = None
    ) -> None:  # fmt: skip
        raw = sent.salesforce(act, entity, change, record, fields)
        if note == "sync":
            self.deliveries.append(
                Delivery(OPENING + timedelta(seconds=70), "salesforce", "salesforce", raw, note, act.at)
            )
        else:
            self.deliver(act.at, "salesforce", "salesforce", raw)

    def _two_ids(self, people: list[Person]) -> None:
        """Let known people come back unknown, and say who they are at the end of their visit."""
        for place, person in enumerate(people):
            visitor, at = f"visitor-{place + 1}", self.crowd.moment(last=8.0)
            for kind in ("page_view", "case_study_view", "form_submit"):
                at += timedelta(minutes=2, seconds=11)
                act = self.crowd.act(at, kind, person)
                document = sent.canonical(act, "web", visitor, key=f"web-{act.number:06}")
                if kind != "form_submit":
                    del document["data"]["email"]
                self.deliver(at, "canonical", "web", sent.compact(document))

    def _spoil(self) -> None:
        """Add repeats, test traffic, and what nobody can understand."""
        day = [one for one in self.deliveries if one.note is None]
        for one in self.random.sample(day, round(len(self.deliveries) * REPEATS)):
            again = one.raw.replace(b'"attemptNumber":0', b'"attemptNumber":1')
            at = min(
                one.at + timedelta(seconds=self.random.randrange(5, 2400)), CLOSING - timedelta(seconds=1)
            )
            self.deliveries.append(replace(one, at=at, raw=again, note="repeat"))
        first = next(one for one in day if b'"lead.captured"' in one.raw and one.platform == "canonical")
        other = first.raw.replace(b'"email":"', b'"email":"x.', 1)
        self.deliveries.append(
            replace(first, at=first.at + timedelta(minutes=9), raw=other, note="other body")
        )
        test = {"created_time": "2026-11-24T01:00:00+0000", "id": "444444444444", "field_data": [
            {"name": "email", "values": ["<test lead: dummy data for email>"]}]}  # fmt: skip
        self.deliveries.append(
            Delivery(OPENING + timedelta(hours=1), "meta", "meta", sent.compact(test), "test")
        )
        for why, platform, text in words.BROKEN:
            at = self.crowd.moment()
            source = "web" if platform == "canonical" else platform
            raw = text.replace("AT", at.isoformat()).encode()
            self.deliveries.append(Delivery(at, platform, source, raw, f"broken: {why}"))


def files() -> dict[str, bytes]:
    """Return the day as file name -> content."""
    lines: dict[str, list[bytes]] = {}
    arrivals: list[bytes] = []
    for one in Day().run():
        name = "canonical-history.jsonl" if one.note == "sync" and one.platform == "canonical" else None
        name = name or ("canonical-web.jsonl" if one.platform == "canonical" else f"{one.platform}.jsonl")
        rows = lines.setdefault(name, [])
        rows.append(one.raw)
        row = {
            "at": one.at.isoformat(),
            "platform": one.platform,
            "source": one.source,
            "file": name,
            "line": len(rows),
        }
        arrivals.append(
            json.dumps({**row, "note": one.note} if one.note else row, separators=(",", ":")).encode()
        )
    return {
        name: b"".join(row + b"\n" for row in rows)
        for name, rows in {**lines, "arrivals.jsonl": arrivals}.items()
    }


def main() -> None:
    """Write the day."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in files().items():
        (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
