"""Each transaction fails at each of its statements, in two ways; nothing is half done, and done again it is whole."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy import event as sa_event
from sqlalchemy.exc import DataError, DBAPIError

from schemas.errors import Away
from tests.fixtures.clocks import HOT_ACCEPT, HOT_CONTACT, away, clean, follow, put_in_force
from tests.fixtures.system import READY, System, event
from worker import absences, acting, now, pausing, rulebooks
from worker.breaching import tell_escalations
from worker.clocks import follow_changes, measure_ended
from worker.handing import hand_over
from worker.ical import Away as Absent
from worker.judging import rejudge
from worker.settings import settings
from worker.store import copying, db, outbox
from worker.store.db import in_transaction
from worker.sweeping import due_reviews, sweep_clocks

#: Everything that a test may change, without numbers that the database counts up and without instants of the wall.
EVERYTHING = {
    "lead": "lead_id, email, lifecycle_stage, persona, fit, fit_grade, engagement, track, rule, owner, recycle_count,"
            " state, merged_into, cool_down_until IS NULL, review_at IS NULL",
    "lead_key": "kind, value, lead_id",
    "event": "source, event_id, lead_id, body",
    "decision": "lead_id, verdict, from_stage, to_stage, rule",
    "waiting": "lead_id, pool, rule, strategy, owner, priority, parked, reason, had, hops",
    "assignment": "lead_id, rep, pool, strategy, accepted_at IS NULL, contacted_at IS NULL, end_reason, had, hops",
    "clock": "lead_id, policy, kind, warned_at IS NULL, met_at IS NULL, breached_at IS NULL, cancelled_at IS NULL,"
             " warned, round, paused_until IS NULL, raw_s IS NULL, due_at - started_at > interval '1 day'",
    "clock_change": "lead_id, why",
    "clock_pause": "reason, until_at, resumed_at IS NULL",
    "clock_recompute": "why, rep, begins_after IS NULL, looked, moved, done_at IS NULL",
    "absence": "rep, kind, starts_at, uid, removed_at IS NULL",
    "escalation": "lead_id, kind, step, rep, tell_at IS NULL, told_at IS NULL, needless_at IS NULL",
    "outbox": "kind, channel, recipient, lead_id, status",
    "pool_credit": "pool, rep, credit, ledger, makeup, away_since IS NULL",
    "turn": "pool, rep, kind, amount, shares, missed, lead_id, applied",
    "account": "account_key, owner",
    "account_identity": "kind, value, place, form, account_key",
    "act": "lead_id, rep, act, reason",
    "track_stay": "lead_id, track, because, left_at IS NULL, left_because, before_s > 0",
    "quarantine": "source, event_id, place, resolution",
    "batch": "events, applied, repeats, quarantined",
}  # fmt: skip


def snapshot(system: System) -> dict[str, list[Any]]:
    """Return everything that was decided."""
    return {table: sorted(map(repr, system.sql(f"SELECT {columns} FROM tasuki.{table}")))
            for table, columns in EVERYTHING.items()}  # fmt: skip


class Failure:
    """Lets the k-th statement fail; `met` tells whether there was a k-th one."""

    def __init__(self, how: str, k: int) -> None:
        self.how = how
        self.left = k
        self.met = False

    def __call__(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.met = True
            if self.how == "data error":
                cursor.execute("SELECT 1 / 0")
            self.cut(connection)

    def before_copy(self, connection: Connection) -> None:
        self.left -= 1
        if self.left == 0:
            self.met = True
            if self.how == "data error":
                connection.exec_driver_sql("SELECT 1 / 0")
            self.cut(connection)

    @staticmethod
    def cut(connection: Any) -> None:
        pid = connection.connection.driver_connection.info.backend_pid
        with db.engine().connect() as other:
            other.exec_driver_sql("SELECT pg_terminate_backend(%s, 5000)", (pid,))


@contextmanager
def failing(failure: Failure) -> Iterator[None]:
    """Watch every statement of this process's engine, and every COPY, of which the engine knows nothing."""
    engine = db.engine()
    copy = copying.insert_new

    def watched(
        connection: Connection, table: str, columns: Mapping[str, str], rows: Iterable[tuple[Any, ...]]
    ) -> None:
        failure.before_copy(connection)
        copy(connection, table, columns, rows)

    sa_event.listen(engine, "before_cursor_execute", failure)
    copying.insert_new = watched
    try:
        yield
    finally:
        copying.insert_new = copy
        sa_event.remove(engine, "before_cursor_execute", failure)


def fail_everywhere(
    system: System, how: str, before: dict[str, list[Any]], work: Callable[[], object]
) -> int:
    """Let `work` fail at its 1st, 2nd, ... statement until it gets through; nothing may be left of each failure."""
    for k in range(1, 60):
        failure = Failure(how, k)
        try:
            with failing(failure):
                work()
        except (Away, DataError):
            assert failure.met
            assert snapshot(system) == before, f"statement {k} failed, and something is left"
            continue
        except DBAPIError as error:
            pytest.fail(f"statement {k}: {error}")
        assert not failure.met, f"statement {k} failed and nobody noticed"
        return k - 1
    pytest.fail("it never gets through")


class Story:
    """A small business day; each step is one transaction."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.began = now.now()
        self.live: list[int] = []
        self.rep = ""  # who holds the second lead

    def at(self, hours: float) -> datetime:
        """Return business time so many hours after the morning."""
        return self.began + timedelta(hours=hours)

    def look(self) -> None:
        """Note which assignments live."""
        rows = self.system.sql(
            "SELECT assignment_id, rep FROM tasuki.assignment WHERE ended_at IS NULL ORDER BY lead_id"
        )
        self.live = [row[0] for row in rows]
        self.rep = rows[1].rep if rows else ""

    def place(self) -> None:
        """Place the waiting leads of the pool."""
        in_transaction(lambda c: hand_over(c, "enterprise_east", rulebooks.current(c), self.at(0.01)))

    def sweep(self) -> None:
        """Handle clocks an hour later: warned and breached at once, both leads go to the next rep."""
        in_transaction(lambda c: sweep_clocks(c, rulebooks.current(c), self.at(1)))

    def act(self, what: Any, number: int, reason: str | None = None) -> None:
        """Let whoever has the n-th live assignment act."""
        in_transaction(
            lambda c: acting.act(
                c, self.live[number], what, rulebooks.current(c), self.at(0.05), reason=reason
            )
        )

    def publish(self) -> None:
        """Let the offers of the pool be escalated, passed on and counted; follow-up after contact."""
        put_in_force(
            ("sla.yaml", HOT_ACCEPT, HOT_ACCEPT.replace("next_rep", "[escalate, out_of_rotation, back_to_pool]")),
            ("sla.yaml", HOT_CONTACT, HOT_CONTACT + "\n    escalation: [{tell: sato_kenji}]\n"
             "    follow_up: {attempts: 2, within: 9h}"),
        )  # fmt: skip
        in_transaction(rulebooks.current)
        self.follow()

    def follow(self) -> None:
        """Let open clocks follow what changed."""
        follow(self.at(0.02))

    def follow_a_part(self) -> None:
        """Let open clocks follow, one transaction of it: the first only waits for others."""
        in_transaction(lambda c: follow_changes(c, rulebooks.current(c), self.at(0.02)))

    def leave(self) -> None:
        """Let whoever holds the second lead go on leave for a week, from now on."""
        away(self.rep, "2026-11-24T11:00", "2026-12-01T11:00", self.at(0.02))

    def import_file(self) -> None:
        """Enter two absences of a calendar file, one of which was there with other hours."""
        spans = [(self.at(48), self.at(72), "one"), (self.at(96), self.at(99), "two")]
        found = [Absent(uid, "", starts, ends) for starts, ends, uid in spans]
        in_transaction(
            lambda c: absences.import_file(
                c, "ito_misaki", found, {"one", "two"}, rulebooks.current(c), self.at(0.02), by="tests"
            )
        )

    def pause(self) -> None:
        """Let the second lead's clock stand still."""
        in_transaction(
            lambda c: pausing.pause(
                c, self.live[1], "customer_asked", rulebooks.current(c), self.at(0.06), by="tests"
            )
        )

    def resume(self) -> None:
        """Let it go on."""
        in_transaction(lambda c: pausing.resume(c, self.live[1], rulebooks.current(c), self.at(0.5)))

    def escalate(self) -> None:
        """Tell who is to be told of breaches."""

        def tell(connection: Any) -> None:
            messages = tell_escalations(connection, rulebooks.current(connection), self.at(3))
            outbox.add(connection, messages, self.at(3))

        in_transaction(tell)

    def measure(self) -> None:
        """Measure the clocks that have ended."""
        in_transaction(lambda c: measure_ended(c, rulebooks.current(c), self.at(1)))

    def review(self) -> None:
        """Judge held leads again, a year later."""
        in_transaction(
            lambda c: rejudge(c, due_reviews(c, self.at(9000)), rulebooks.current(c), self.at(9000))
        )


@pytest.fixture
def story(system: System) -> Story:
    """A day that begins."""
    in_transaction(rulebooks.current)  # compiled once a process: not a part of what fails
    return Story(system)


def send_all(system: System) -> None:
    """Send a first batch: three leads ready for one pool, and one that stays in nurture."""
    system.send([event(n, email=f"p{n}@shop.example.co.jp", **READY) for n in range(3)])
    system.send([event(3, email="p3@shop.example.co.jp")])


STEPS: dict[str, list[Callable[[Story], None]]] = {
    "hand over": [Story.place],
    "sweep": [Story.place, Story.sweep],
    "accept": [Story.place, lambda s: s.act("accept", 1)],
    "contacted": [Story.place, lambda s: s.act("contacted", 1)],
    "decline to nurture": [Story.place, lambda s: s.act("decline", 1, "not_now")],
    "decline to the next rep": [Story.place, lambda s: s.act("decline", 1, "too_busy")],
    "review": [Story.review],
    "breach with all actions": [Story.publish, Story.place, Story.sweep],
    "absence": [Story.place, Story.leave],
    "absences of a file": [Story.place, Story.import_file],
    "begin to follow an absence": [Story.place, Story.leave, Story.follow_a_part],
    "follow an absence": [Story.place, Story.leave, Story.follow_a_part, Story.follow_a_part],
    "pause": [Story.place, lambda s: s.act("accept", 1), Story.pause],
    "resume": [Story.place, lambda s: s.act("accept", 1), Story.pause, Story.resume],
    "attempted": [
        Story.publish,
        Story.place,
        lambda s: s.act("contacted", 1),
        lambda s: s.act("attempted", 1),
    ],
    "tell an escalation": [Story.publish, Story.place, Story.sweep, Story.escalate],
    "measure": [Story.place, Story.sweep, Story.measure],
}


@pytest.mark.parametrize("how", ["data error", "cut"])
@pytest.mark.parametrize("step", STEPS)
def test_step_is_all_or_nothing(story: Story, step: str, how: str) -> None:
    """A hand-over, a sweep, an act: whichever statement fails, nothing is left; the next try does all of it."""
    send_all(story.system)
    story.system.drain_here()
    *earlier, last = STEPS[step]
    for one in earlier:
        one(story)
        story.look()
    story.look()
    before = snapshot(story.system)
    statements = fail_everywhere(story.system, how, before, lambda: last(story))
    after = snapshot(story.system)
    assert after != before
    print(f"{step}: {statements} statements")
    assert statements >= 3
    assert clean(story.system) == []
    # Done once more it finds nothing left to do: it was done once.
    if step in (
        "hand over",
        "sweep",
        "breach with all actions",
        "absences of a file",
        "tell an escalation",
        "measure",
    ):
        last(story)
        assert snapshot(story.system) == after


@pytest.mark.parametrize("how", ["data error", "cut"])
@pytest.mark.parametrize("step", ["decline to nurture", "review"])
def test_instructions_are_written_with_what_they_tell(
    story: Story, step: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an MA platform: whichever statement fails, no stay and no instruction is left; the next try tells once."""
    monkeypatch.setenv("TASUKI_MA_URL", "http://127.0.0.1:9/ma")
    settings.cache_clear()
    send_all(story.system)
    story.system.drain_here()
    *earlier, last = STEPS[step]
    for one in earlier:
        one(story)
        story.look()
    story.look()
    before = snapshot(story.system)
    told = story.system.one("SELECT count(*) FROM tasuki.outbox WHERE receiver = 'ma'")
    fail_everywhere(story.system, how, before, lambda: last(story))
    rows = story.system.sql("SELECT kind, idempotency_key FROM tasuki.outbox WHERE receiver = 'ma'")
    assert len(rows) == told + 1 == len({row.idempotency_key for row in rows})
    assert story.system.one("SELECT count(*) FROM tasuki.track_stay WHERE left_at IS NULL") == len(rows) - (
        step == "review"
    )


@pytest.mark.parametrize("how", ["data error", "cut"])
def test_judging_is_all_or_nothing(story: Story, how: str) -> None:
    """A batch with new leads, known ones, a merge and a conflict: whatever fails once, the end is the same."""
    system = story.system
    send_all(system)
    system.drain_here()
    batch = [
        event(10, email="p10@shop.example.co.jp", **READY),
        event(11, email="p3@shop.example.co.jp", subject="lead-3"),
        {**event(12, subject="p0@shop.example.co.jp", company="x"), "type": "lead.captured"},
        event(13, subject="other", email="p13@shop.example.co.jp"),
        event(14, subject="p13@shop.example.co.jp", consent={"all": False}),
        event(1, company="another body"),
        event(2, email="p2@shop.example.co.jp", **READY),
    ]
    reached: list[str] = []
    for k in range(1, 60):
        failure = Failure(how, k)
        numbered = [
            {**one, "id": f"{one['id']}-{k}"} if one["id"] not in ("e1", "e2") else one for one in batch
        ]
        named = [{**one, "subject": one["subject"].replace("10", f"10-{k}"),
                  "data": {key: str(v).replace("p10@", f"p10-{k}@") if key == "email" else v
                           for key, v in one["data"].items()}} for one in numbered]  # fmt: skip
        before = system.applied()
        system.send(named)
        with failing(failure):
            system.drain_here()
        system.drain_here()
        assert system.applied() == before + 5, f"statement {k}"
        assert system.one("SELECT count(*) FROM tasuki.attempt") == 0
        assert not [one for one in system.broken() if "looked at" not in one and "nobody" not in one], (
            f"statement {k}"
        )
        reached.append(f"{k}")
        if not failure.met:
            break
    conflicts = system.one("SELECT count(*) FROM tasuki.quarantine WHERE place = 'id'")
    assert conflicts == len(reached)
    assert system.one("SELECT count(*) FROM tasuki.quarantine WHERE place <> 'id'") == 0
    assert len(reached) > 12
