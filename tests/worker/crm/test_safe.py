"""Two workers at once, a statement that fails, a real worker: each lead is written, none twice, none half."""

import threading
from collections import Counter
from typing import Any

import pytest
from sqlalchemy.exc import DataError

from schemas.errors import Away
from tests.fixtures.crm import act, later, offer, push_all, use, waiting
from tests.fixtures.crm_double import Request
from tests.fixtures.hubspot_double import Hubspot
from tests.fixtures.salesforce_double import Salesforce
from tests.fixtures.system import System, event, eventually
from tests.system.test_every_statement import Failure, failing
from worker.crm.push import push_due
from worker.now import now
from worker.store import crm as store
from worker.store.db import in_transaction


def ready(system: System, count: int) -> None:
    """Let sales-ready leads in, which wait for their pool."""
    system.send([
        event(number, email=f"p{number}@sakura.example.co.jp", name="佐藤 花子", title="情報システム部長",
              employees=3000, country="JP", region="東京都", activity="demo_request")
        for number in range(count)
    ])  # fmt: skip
    system.drain_here()


def test_two_workers_write_each_lead_once_and_never_at_the_same_time(
    system: System, salesforce: Salesforce
) -> None:
    """Real workers, three processes each, many marks meanwhile: one record a lead, and no lead in two calls at once."""
    ready(system, 60)
    ids = [row[0] for row in system.sql("SELECT lead_id FROM tasuki.lead ORDER BY 1")]
    running: Counter[str] = Counter()
    overlaps: list[str] = []
    lock = threading.Lock()

    def enter(request: Request) -> None:
        if request.method != "PATCH":
            return
        named = [record.get("Tasuki_Id__c") or record.get("id") for record in request.json()["records"]]
        with lock:
            running.update(named)
            overlaps.extend(name for name in named if running[name] > 1)
        return

    def leave(request: Request) -> None:
        if request.method == "PATCH":
            threading.Event().wait(0.05)
            with lock:
                running.subtract(
                    record.get("Tasuki_Id__c") or record.get("id") for record in request.json()["records"]
                )

    salesforce.faults.append(enter)
    salesforce.before_answer = leave
    crm = {name.removeprefix("TASUKI_").lower(): value for name, value in _crm_env().items()}
    system.worker("w1", **crm)
    system.worker("w2", **crm)
    for _ in range(20):
        in_transaction(lambda c: store.mark(c, ids, now()))
        threading.Event().wait(0.05)
    eventually(lambda: {row.status for row in waiting(system)} == {"written"}, "all are written")

    assert overlaps == []
    assert Counter(record["Tasuki_Id__c"] for record in salesforce.all("Lead")) == Counter(map(str, ids))
    assert system.one("SELECT count(*) FROM tasuki.crm_push WHERE version <> written_version") == 0


def _crm_env() -> dict[str, str]:
    import os  # noqa: PLC0415

    return {name: value for name, value in os.environ.items() if name.startswith("TASUKI_CRM")}


@pytest.mark.parametrize("how", ["data error", "cut"])
def test_a_push_that_fails_at_any_statement_is_done_again_whole(
    system: System, hubspot: Hubspot, how: str
) -> None:
    """Whichever statement fails, before or after the call: in the end one contact, one link, nothing waits."""
    lead_id = offer(system)
    reached = 0
    for k in range(1, 60):
        in_transaction(lambda c: store.mark(c, [lead_id], now()))
        failure = Failure(how, k)
        try:
            with failing(failure):
                push_due(now())
        except (Away, DataError):
            assert failure.met
        for after in (131, 600):  # the lease of the one that failed ends; a breaker that opened closes
            push_due(later(after))
        row = waiting(system)[0]
        assert (row.status, len(hubspot.contacts)) == ("written", 1), f"statement {k}: {row}"
        assert system.one("SELECT count(*) FROM tasuki.crm_link") == 1
        reached = k
        if not failure.met:
            break
        system.do("UPDATE tasuki.crm_push SET leased_until = NULL")
    assert reached > 8


@pytest.mark.parametrize("step", ["hand over", "accept", "decline"])
def test_a_mark_is_part_of_what_it_tells_of(system: System, hubspot: Hubspot, step: str) -> None:
    """The step fails at its mark: neither is done; it is done: so is the mark, in one statement."""
    lead_id = offer(system) if step != "hand over" else 0
    before = [row.wanted_at for row in waiting(system)]
    said: list[str] = []

    class Spy(Failure):
        def __call__(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            if "INTO tasuki.crm_push" in statement:
                said.append(statement)
                cursor.execute("SELECT 1 / 0")

    def work() -> None:
        if step == "hand over":
            from tests.fixtures.crm import place  # noqa: PLC0415

            place(system)
        else:
            act(system, lead_id, step, "too_busy" if step == "decline" else None)

    if step == "hand over":
        ready(system, 1)
        before = [row.wanted_at for row in waiting(system)]
    with failing(Spy("mark", 0)), pytest.raises(DataError):
        work()
    assert [row.wanted_at for row in waiting(system)] == before
    assert len(said) == 1
    assert system.one("SELECT count(*) FROM tasuki.act") == 0
    work()
    assert [row.wanted_at for row in waiting(system)] != before


def test_a_worker_writes_by_itself(system: System, hubspot: Hubspot) -> None:
    """From the stream to the CRM without a hand in between; and again after HubSpot was away."""
    system.worker("w", **{name.removeprefix("TASUKI_").lower(): value for name, value in _crm_env().items()})
    system.send([event(1, email="p1@sakura.example.co.jp", family_name="佐藤", title="情報システム部長", employees=3000,
                       country="JP", region="東京都", activity="demo_request")])  # fmt: skip
    eventually(
        lambda: [c for c in hubspot.contacts.values() if c.get("hubspot_owner_id")], "the offer is in HubSpot"
    )
    hubspot.away = True
    lead_id = int(system.one("SELECT lead_id FROM tasuki.lead"))
    act(system, lead_id, "accept")
    eventually(lambda: system.one("SELECT failures FROM tasuki.crm_connection"), "the outage is noted")
    hubspot.away = False
    eventually(
        lambda: next(iter(hubspot.contacts.values()))["tasuki_stage"] == "sal", "the acceptance is in HubSpot"
    )


def test_a_refusal_is_overtaken_by_the_next_change(
    system: System, hubspot: Hubspot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lead that is refused while its next change is on its way is tried again for that change."""
    use(monkeypatch, crm_calls_per_s="50")
    lead_id = offer(system)

    def meanwhile(request: Request) -> None:
        if "batch/upsert" in request.path:
            hubspot.before_answer = lambda _: None
            act(system, lead_id, "accept")

    hubspot.poison.add(str(lead_id))
    hubspot.before_answer = meanwhile
    push_due(now())
    assert waiting(system)[0].status == "pending"
    hubspot.poison.clear()
    push_all()
    assert waiting(system)[0].status == "written"
