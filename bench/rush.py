"""A rush: very many ready leads at once, many pools, several processes that hand over at the same time."""

import json
import multiprocessing
import time
from collections import Counter
from typing import Any, Final

from sqlalchemy import event as on

from bench.figures import Figures, Say, said
from bench.rig import Rig
from bench.sizes import Sizes
from worker import rulebook_files, rulebooks
from worker.handing import hand_over
from worker.now import now
from worker.store.assignments import insert_waiting
from worker.store.db import engine, in_transaction, run
from worker.store.rows import ms

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FIRST: Final = 2_000_000_000
_PROCESSES: Final = 4
#: Parts of the statements that wait for a lock.
_LOCKS: Final = ("FROM tasuki.pool WHERE", "pg_advisory_xact_lock")


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Let processes hand over everything; count seconds, waits for locks, doubles, and how fair it came out."""
    pools = _pools(sizes.rush_pools, sizes.rush_reps)
    version, _ = rulebooks.publish(_texts(pools), by="bench", note="rush", now=now())
    try:
        for _run in range(min(sizes.runs, sizes.long_runs)):
            _rush(rig, sizes, pools, version, figures, say)
    finally:
        rulebooks.publish(
            rulebook_files.read_texts(rulebook_files.EXAMPLE), by="bench", note="after the rush", now=now()
        )


def _rush(
    rig: Rig, sizes: Sizes, pools: dict[str, dict[str, int]], version: int, figures: Figures, say: Say
) -> None:
    rig.empty()
    in_transaction(lambda c: _line_up(c, pools, sizes.rush_leads, version))
    rig.analyze()
    engine().dispose()
    context = multiprocessing.get_context("spawn")
    answers: Any = context.Queue()
    start = context.Barrier(_PROCESSES + 1)
    before = rig.spent()
    workers = [
        context.Process(target=_work, args=(number, sorted(pools), start, answers), daemon=True)
        for number in range(_PROCESSES)
    ]
    for worker in workers:
        worker.start()
    start.wait(120)
    started = time.perf_counter()
    spent = [answers.get(timeout=600) for _ in workers]
    seconds = time.perf_counter() - started
    for worker in workers:
        worker.join(30)
    cpu = sum(one["cpu"] for one in spent) + (rig.spent() - before).postgres
    waited = sum(one["waited"] for one in spent)
    figures.add("rush.seconds", seconds, "s", leads=sizes.rush_leads, reps=sizes.rush_reps, pools=sizes.rush_pools,
                processes=_PROCESSES)  # fmt: skip
    figures.add("rush.cpu", cpu / sizes.rush_leads * 1e6, "us CPU/lead")
    figures.add("rush.lock_wait", waited / (seconds * _PROCESSES), "share of the time")
    figures.add("rush.tried_again", sum(one["clashes"] for one in spent), "transactions")
    _judge_result(rig, sizes, pools, figures, say, seconds)


def _judge_result(
    rig: Rig, sizes: Sizes, pools: dict[str, dict[str, int]], figures: Figures, say: Say, seconds: float
) -> None:
    with rig.sql() as connection:
        rows = connection.execute(
            "SELECT pool, rep, count(*) FROM tasuki.assignment GROUP BY 1, 2"
        ).fetchall()
    got = Counter({(pool, rep): count for pool, rep, count in rows})
    furthest = 0.0
    for pool, members in pools.items():
        leads = sum(got[pool, rep] for rep in members)
        total = sum(members.values())
        furthest = max(furthest, *(abs(got[pool, rep] - leads * w / total) for rep, w in members.items()))
    doubles = got.total() - rig.number("SELECT count(DISTINCT lead_id) FROM tasuki.assignment")
    lost = sizes.rush_leads - got.total() - rig.number("SELECT count(*) FROM tasuki.waiting")
    figures.add("rush.furthest_from_weight", furthest, "turns")
    figures.add("rush.doubles", doubles, "leads")
    figures.add("rush.lost", lost + rig.number("SELECT count(*) FROM tasuki.waiting"), "leads")
    say(f"{sizes.rush_leads:,} leads in {said(seconds)} s; furthest from its weight {said(furthest)} turns")


def _work(number: int, pools: list[str], start: Any, answers: Any) -> None:
    """Hand over all pools until their lines are empty; everybody begins with another pool."""
    spent = {"waited": 0.0, "clashes": 0, "cpu": 0.0}
    since = 0.0

    def before(*_: Any) -> None:
        nonlocal since
        since = time.perf_counter()

    def after(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if any(part in statement for part in _LOCKS):
            spent["waited"] += time.perf_counter() - since

    def rolled_back(_connection: Any) -> None:
        spent["clashes"] += 1

    in_transaction(rulebooks.current)  # compiled beforehand, as in a worker that runs
    on.listen(engine(), "before_cursor_execute", before)
    on.listen(engine(), "after_cursor_execute", after)
    on.listen(engine(), "rollback", rolled_back)
    mine = pools[number * len(pools) // _PROCESSES :] + pools[: number * len(pools) // _PROCESSES]
    start.wait(120)
    cpu = time.process_time()
    busy = True
    while busy:
        busy = False
        for pool in mine:
            handed = in_transaction(lambda c, pool=pool: hand_over(c, pool, rulebooks.current(c), now()))  # type: ignore[misc]
            busy = busy or handed.offered > 0
    spent["cpu"] = time.process_time() - cpu
    answers.put(spent)


def _pools(count: int, reps: int) -> dict[str, dict[str, int]]:
    """Return pool -> rep -> weight, 1 to 3."""
    each = reps // count
    return {
        f"pool_{n:02}": {f"rep_{n:02}_{m:02}": 1 + (n + m) % 3 for m in range(each)} for n in range(count)
    }


def _texts(pools: dict[str, dict[str, int]]) -> dict[str, str]:
    """Return the example with a team of these pools, at work day and night with room for all."""
    always = {"id": "always", "zone": "Asia/Tokyo", "hours": {day: ["00:00-24:00"] for day in _DAYS}}
    people = ["boss", *(rep for members in pools.values() for rep in members)]
    team = {
        "calendars": [always],
        "reps": [
            {"id": rep, "name": {"ja": rep, "en": rep}, "email": f"{rep}@example.com", "calendar": "always",
             "capacity": {"open": 10_000, "per_day": 10_000, "caps": [{"at_most": 5_000, "per": "week"}]}}
            for rep in people
        ],
        "pools": [
            {"id": pool, "name": {"ja": pool, "en": pool}, "manager": "boss",
             "members": [{"rep": rep, "weight": weight} for rep, weight in members.items()]}
            for pool, members in pools.items()
        ],
    }  # fmt: skip
    texts = rulebook_files.read_texts(rulebook_files.EXAMPLE)
    otherwise = {"pool": next(iter(pools)), "strategy": "round_robin", "sla": "standard"}
    texts["team.yaml"] = json.dumps(team)
    texts["routing.yaml"] = json.dumps({"otherwise": otherwise})
    texts["sla.yaml"] = texts["sla.yaml"].partition("\nexamples:")[0].replace("matsumoto_jun", "boss")
    return texts


def _line_up(connection: Any, pools: dict[str, dict[str, int]], leads: int, version: int) -> None:
    at = now()
    run(
        connection,
        "INSERT INTO tasuki.lead (lead_id, lifecycle_stage, persona, state, rulebook_version, created_at, updated_at)"
        " SELECT n, 'mql', 'it_decision_maker', '{}', :v, :at, :at FROM generate_series(:first, :last) AS n",
        first=_FIRST, last=_FIRST + leads - 1, v=version, at=at,
    )  # fmt: skip
    names = sorted(pools)
    insert_waiting(
        connection,
        [{"id": _FIRST + n, "pool": names[n % len(names)], "rule": "otherwise", "strategy": "round_robin",
          "sla": "standard", "owner": None, "priority": n % 10, "now": ms(at), "version": version, "value": None,
          "points": 1, "terms": None} for n in range(leads)],
    )  # fmt: skip
