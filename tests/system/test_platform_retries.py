"""Each platform repeats, groups and reorders in its own way (research: ma-platforms); the effect is that of one delivery.

A delivery stands as intake puts it on the road: the payload as it came, and when it was accepted.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fixtures.sources import SAMPLES
from tests.fixtures.system import MORNING_MS, System
from worker import queue

MINUTE = 60_000
HOUR = 60 * MINUTE


@dataclass(frozen=True)
class Delivery:
    """One request: its body, and how long after the first one it was accepted."""

    body: bytes
    after_ms: int = 0


Plan = list[Delivery]


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_bytes())


def many(document: Any) -> list[Any]:
    return document if isinstance(document, list) else [document]


def wire(document: Any, after_ms: int = 0) -> Delivery:
    return Delivery(json.dumps(document, ensure_ascii=False).encode(), after_ms)


def raw(name: str, after_ms: int = 0) -> Delivery:
    return Delivery((SAMPLES / name).read_bytes(), after_ms)


def hubspot() -> tuple[Plan, Plan]:
    """Ten tries over a day with attemptNumber counted up and a fresh eventId; a failed batch goes in other batches."""
    batch = sample("hubspot/contact.propertyChange.batch-ja.json") + sample(
        "hubspot/deal.propertyChange.outcome-ja.json"
    )
    thin = sample("hubspot/contact.creation.json")

    def tried(items: list[Any], attempt: int) -> list[Any]:
        return [
            {**item, "attemptNumber": attempt, "eventId": item.get("eventId", 0) + attempt} for item in items
        ]

    deals = [item for item in batch if item["subscriptionType"].startswith("deal.")]
    others = [item for item in batch if item not in deals]
    again = [wire(tried(others, n), n * 2 * HOUR) for n in range(1, 10)]
    again += [
        wire(tried(others[len(others) // 2 :], 1) + tried(thin, 2), HOUR),
        wire(tried(others, 1)[::-1], HOUR),
    ]
    return [wire(others), wire(deals), wire(thin)], [
        *again,
        wire(tried(thin, 1), MINUTE),
        wire(tried(deals, 1)[::-1], MINUTE),
    ]


def hubspot_workflow() -> tuple[Plan, Plan]:
    """5xx: for three days, with gaps to eight hours."""
    return [raw("hubspot/workflow.contact-ja.json")], [
        raw("hubspot/workflow.contact-ja.json", n * 8 * HOUR) for n in range(1, 9)
    ]


def mautic() -> tuple[Plan, Plan]:
    """Queue mode groups what waited, oldest or newest first; a group that failed comes an hour later with others."""
    names = [
        "lead_post_save_new",
        "lead_post_save_update.batch-ja",
        "form_on_submit.ja",
        "lead_points_change.ja",
    ]
    parts = [
        (kind, item)
        for name in names
        for kind, items in sample(f"mautic/{name}.json").items()
        if isinstance(items, list)
        for item in items
    ]

    def grouped(some: list[tuple[str, Any]], after_ms: int) -> Delivery:
        found: dict[str, list[Any]] = {}
        for kind, item in some:
            found.setdefault(kind, []).append(item)
        return wire(found, after_ms)

    one_by_one = [grouped([part], 0) for part in parts]
    return one_by_one, [grouped(parts, HOUR), grouped(parts[::-1], 2 * HOUR), grouped(parts[1:3], 3 * HOUR)]


def marketo() -> tuple[Plan, Plan]:
    """A webhook is never repeated by Marketo; a proxy before us does, and a template with a date token tells it."""
    name = "marketo/webhook.lead-template-ja.json"
    return [raw(name)], [raw(name, n * MINUTE) for n in (1, 15)]


def marketo_stream() -> tuple[Plan, Plan]:
    """At least once, in any order, alone or in an array, for 24 hours: 1, 2, 4, 8, 15 minutes."""
    batch = sample("marketo/datastream.activities.batch.json")
    return [wire(batch)], [
        *(wire(item, MINUTE) for item in batch[::-1]), wire(batch[::-1], 2 * MINUTE), wire(batch[1:], 24 * HOUR),
    ]  # fmt: skip


def segment() -> tuple[Plan, Plan]:
    """Four hours at random, in other batches and orders; what waited on a phone is sent with another sentAt."""
    batch = [
        *sample("segment/track.batch.json"),
        sample("segment/track.ja.json"),
        sample("segment/identify.json"),
        sample("segment/group.json"),
    ]
    later = [
        {**item, "sentAt": "2026-11-24T02:00:00.000Z", "receivedAt": "2026-11-24T02:00:01.000Z"}
        for item in batch
    ]
    return [wire(batch)], [
        wire(batch[::-1], MINUTE),
        *(wire(item, HOUR) for item in later),
        wire(later[1:4], 4 * HOUR),
    ]


def activecampaign() -> tuple[Plan, Plan]:
    """Never repeated; a double click of an automation and a proxy's second try are."""
    names = [
        f"activecampaign/{name}.txt" for name in ("subscribe", "contact_tag_added.ja", "deal_update.won-ja")
    ]
    return [raw(name) for name in names], [raw(name, n) for n in (1, 15 * MINUTE) for name in names[::-1]]


def meta() -> tuple[Plan, Plan]:
    """At once, then ever rarer for 36 hours; up to a thousand updates grouped anew; the answers are read back twice."""
    told = sample("meta-lead-ads/leadgen.webhook.json")
    changes = [(entry, change) for entry in told["entry"] for change in entry["changes"]]
    alone = [
        wire({**told, "entry": [{**entry, "changes": [change]}]}, n * HOUR)
        for n, (entry, change) in enumerate(changes[::-1], start=1)
    ]
    lead = raw("meta-lead-ads/leadgen.graph-lead-ja.json")
    return [wire(told), lead], [
        *alone,
        wire(told, 36 * HOUR),
        Delivery(lead.body, HOUR),
        Delivery(lead.body, 2 * HOUR),
    ]


def outbound_message() -> tuple[Plan, Plan]:
    """24 hours until Ack is read; a hundred in other groups; a repeat carries the record as it is now."""
    text = (SAMPLES / "salesforce/lead.outbound-message.ja.txt").read_text("utf-8")
    notes = re.findall(r"<Notification>.*?</Notification>", text, re.DOTALL)
    before, after = text.split(notes[0])[0], text.split(notes[-1])[1]

    def message(some: list[str], after_ms: int) -> Delivery:
        return Delivery((before + "".join(some) + after).encode(), after_ms)

    deal = "salesforce/opportunity.outbound-message.ja.txt"
    return [message(notes, 0), raw(deal)], [
        message(notes[::-1], HOUR), *(message([note], 2 * HOUR) for note in notes), raw(deal, MINUTE), raw(deal, 24 * HOUR),
    ]  # fmt: skip


def change_data_capture() -> tuple[Plan, Plan]:
    """Whoever resumes from an earlier replayId reads up to 72 hours again, and what comes is in the order of then."""
    names = [
        "lead.cdc.converted",
        "opportunity.cdc.create-pubsub",
        "opportunity.cdc.won-ja",
        "opportunity.cdc.lost-two-records-ja",
        "lead-outcome.platform-event",
    ]
    events = [one for name in names for one in many(sample(f"salesforce/{name}.json"))]
    return [wire(one) for one in events], [
        wire(events[2:], HOUR),
        wire(events, 72 * HOUR),
        *(wire(one, MINUTE) for one in events[::-1]),
    ]


def cloudevents() -> tuple[Plan, Plan]:
    """429 and 5xx as the sender pleases: alone, in batches, in any order."""
    events = [*sample("cloudevents/batch.json"), sample("cloudevents/structured.ja.json")]
    return [wire(events)], [wire(events[::-1], MINUTE), *(wire(one, HOUR) for one in events[::-1])]


#: Platform as the stream names it -> its first deliveries, and what comes again.
PLANS: dict[str, Callable[[], tuple[Plan, Plan]]] = {
    "hubspot": hubspot, "hubspot workflow": hubspot_workflow, "mautic": mautic, "marketo": marketo,
    "marketo stream": marketo_stream, "segment": segment, "activecampaign": activecampaign, "meta": meta,
    "salesforce outbound message": outbound_message, "salesforce cdc": change_data_capture, "cloudevents": cloudevents,
}  # fmt: skip


def deliver(system: System, name: str, plan: Plan) -> None:
    """Put deliveries on the road one after the other, each judged before the next comes."""
    platform = name.split(maxsplit=1)[0]
    for one in plan:
        received = str(MORNING_MS - 96 * HOUR + one.after_ms)
        queue.append(
            [{"payload": one.body, "platform": platform, "source": platform, "received_ms": received}]
        )
        system.drain_here()


def effect(system: System) -> dict[str, Any]:
    """Everything that the deliveries came to, without the numbers of leads, which come by order."""
    leads = system.sql(
        "SELECT lead_id, email, lifecycle_stage, state FROM tasuki.lead WHERE merged_into IS NULL"
    )
    names = {
        row.lead_id: tuple(
            sorted(
                tuple(key)
                for key in system.sql(
                    "SELECT kind, value FROM tasuki.lead_key WHERE lead_id = :i", i=row.lead_id
                )
            )
        )
        for row in leads
    }
    return {
        "leads": sorted((names[row.lead_id], row.email, row.lifecycle_stage, json.dumps(json.loads(row.state), sort_keys=True)) for row in leads),
        "events": sorted(tuple(row) for row in system.sql("SELECT source, event_id, type, occurred_at::text FROM tasuki.event")),
        "read back": sorted(tuple(row) for row in system.sql("SELECT source, kind, object_id FROM tasuki.fetch_request")),
        "quarantined": [tuple(row) for row in system.sql("SELECT place, reason FROM tasuki.quarantine")],
    }  # fmt: skip


@pytest.mark.parametrize("name", list(PLANS))
def test_what_comes_again_has_one_effect(system: System, name: str) -> None:
    """Repeats after the first, as the platform makes them; and the same when they come first, and backwards."""
    first, again = PLANS[name]()
    deliver(system, name, first)
    once = effect(system)
    assert once["events"]
    assert once["quarantined"] == []
    deliver(system, name, again)
    assert effect(system) == once
    assert system.one("SELECT sum(repeats) FROM tasuki.batch") > 0
    assert system.broken() == []

    for table in ("fetch_request", "decision", "waiting", "lead_merge_event", "lead_merge", "merge_candidate", "lead_key", "event", "lead", "batch"):  # fmt: skip
        system.do(f"DELETE FROM tasuki.{table}")
    deliver(system, name, [*again[::-1], *first[::-1]])
    assert effect(system) == once
    assert system.broken() == []


def test_a_repeated_notification_may_tell_more_than_the_first(system: System) -> None:
    """Salesforce repeats with the record of now, under the number of then: both words count, none is a conflict."""
    first, _ = outbound_message()
    changed = first[0].body.decode()
    at = re.findall(r"<sf:LastModifiedDate>(.*?)</sf:LastModifiedDate>", changed)[0]
    changed = changed.replace(at, "2026-11-20T00:00:00.000Z").replace("<sf:Title>", "<sf:Title>新")
    deliver(
        system,
        "salesforce",
        [first[0], Delivery(changed.encode(), HOUR), Delivery(changed.encode(), 2 * HOUR), first[0]],
    )

    assert effect(system)["quarantined"] == []
    state = json.loads(
        system.one("SELECT state FROM tasuki.lead WHERE merged_into IS NULL ORDER BY lead_id LIMIT 1")
    )
    assert state["facts"]["title"][1].startswith("新")
