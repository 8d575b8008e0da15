"""`tasuki handoff`: what a rep holds, and what they do with it."""

import getpass
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import Connection

from schemas.handover import Act
from worker import pausing, rulebooks, tasks
from worker.acting import act
from worker.cli.common import JsonFlag, command, console, instant, print_card, print_json, print_table
from worker.cli.statement import claim, statement
from worker.now import now
from worker.screen import safe
from worker.store import reading
from worker.store.db import in_transaction, run, transaction
from worker.web.words import end_words
from worker.zone import local_time

app = typer.Typer(
    help="The hand-over: list, show, claim, accept, decline, contacted, follow up, recycle, pause, statement.",
    no_args_is_help=True,
)
app.command("claim")(claim)
app.command("statement")(statement)

Number = Annotated[int, typer.Argument(help="Assignment number, from `handoff list` or the notice.")]
Rep = Annotated[str | None, typer.Option(help="Refuse unless the assignment is this rep's.")]


@app.command("list")
@command
def list_(
    rep: Annotated[str | None, typer.Option(help="Of this rep only.")] = None,
    pool: Annotated[str | None, typer.Option(help="Of this pool only.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Ended ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List assignments, the clock that is due first at the top.

    Example: tasuki handoff list --rep yoshida_hina
    """
    with transaction() as connection:
        _require_known(connection, rep, pool)
        rows = reading.handoffs(connection, rep=rep, pool=pool, everything=everything, limit=limit)
    if as_json:
        print_json(rows)
        return
    print_table("assignments", ("#", "lead", "rep", "rule", "stands", "clock runs until"), [
        (r["assignment_id"], f"{r['lead_id']} {r['company'] or r['email']}", r["rep"], r["rule"], _stands(r),
         f"{r['clock'].replace('_', ' ')}: {local_time(r['due_at'])}" if r["due_at"] else None) for r in rows
    ])  # fmt: skip


def _stands(row: dict[str, Any]) -> str:
    """Say the last that came of an assignment, and when."""
    steps = ("offered", "accepted", "contacted", "ended")
    last = next(step for step in reversed(steps) if row[f"{step}_at"] is not None)
    words = end_words(row["end_reason"] or "", "en") if last == "ended" else last
    return f"{words} {local_time(row[f'{last}_at'])}"


def _require_known(connection: Connection, rep: str | None, pool: str | None) -> None:
    """Refuse a name that nobody bears; who left, or what the rulebook no longer has, is known by its past."""
    team = rulebooks.current(connection).team
    past = "SELECT 1 FROM tasuki.assignment WHERE rep = :name LIMIT 1"
    if rep is not None and rep not in team.reps and not run(connection, past, name=rep).first():
        rulebooks.require_rep(rep, team.reps)
    past = "SELECT 1 FROM tasuki.assignment WHERE pool = :name LIMIT 1"
    if pool is not None and pool not in team.pools and not run(connection, past, name=pool).first():
        rulebooks.require_name("pool", pool, team.pools)


def _act(
    number: int, what: Act, rep: str | None, as_json: bool, reason: str | None = None, note: str | None = None
) -> None:
    answer = in_transaction(
        lambda c: act(c, number, what, rulebooks.current(c), now(), rep=rep, reason=reason, note=note)
    )
    tasks.poke_pools(answer.pools)
    if as_json:
        print_json(
            {
                "assignment_id": answer.assignment_id,
                "lead_id": answer.lead_id,
                "rep": answer.rep,
                "done": answer.done,
            }
        )
    else:
        console.print(
            safe(f"assignment {answer.assignment_id} (lead {answer.lead_id}, {answer.rep}): {answer.done}")
        )


@app.command("accept")
@command
def accept(number: Number, rep: Rep = None, as_json: JsonFlag = False) -> None:
    """Accept a lead: ends the accept clock and starts the contact clock.

    Example: tasuki handoff accept 17 --rep yoshida_hina
    """
    _act(number, "accept", rep, as_json)


@app.command("contacted")
@command
def contacted(number: Number, rep: Rep = None, as_json: JsonFlag = False) -> None:
    """Say that first contact was made: ends the contact clock.

    Example: tasuki handoff contacted 17
    """
    _act(number, "contacted", rep, as_json)


@app.command("attempted")
@command
def attempted(
    number: Number,
    note: Annotated[str | None, typer.Option(help="In your own words.")] = None,
    rep: Rep = None,
    as_json: JsonFlag = False,
) -> None:
    """Count an attempt to follow up: ends the clock that runs, and starts the next while attempts are owed.

    Example: tasuki handoff attempted 17 --note "no answer"
    """
    _act(number, "attempted", rep, as_json, note=note)


@app.command("reached")
@command
def reached(number: Number, rep: Rep = None, as_json: JsonFlag = False) -> None:
    """Say that the person answered: no more attempts are owed.

    Example: tasuki handoff reached 17
    """
    _act(number, "reached", rep, as_json)


@app.command("pause")
@command
def pause(
    number: Number,
    reason: Annotated[str, typer.Option(help="A pause of sla.yaml, such as customer_asked.")],
    until: Annotated[
        str | None, typer.Option(help="Day or instant; as long as the reason allows otherwise.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="In your own words.")] = None,
    rep: Rep = None,
    by: Annotated[str | None, typer.Option(help="Who pauses; your login otherwise.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Let the clock stand still for a reason; it goes on by itself.

    Example: tasuki handoff pause 17 --reason customer_asked --until 2026-12-01
    """

    def work(connection: Any) -> Any:
        loaded = rulebooks.current(connection)
        held = run(
            connection, "SELECT rep FROM tasuki.assignment WHERE assignment_id = :a", a=number
        ).scalar()
        known = loaded.team.reps.get(held)
        zone = known.calendar.zone if known else ZoneInfo("UTC")
        return pausing.pause(
            connection, number, reason, loaded, now(), by=by or getpass.getuser(), rep=rep, note=note,
            until=None if until is None else instant(until, zone),
        )  # fmt: skip

    _say_paused(in_transaction(work), as_json)


@app.command("resume")
@command
def resume(number: Number, rep: Rep = None, as_json: JsonFlag = False) -> None:
    """Let a paused clock go on.

    Example: tasuki handoff resume 17
    """
    _say_paused(
        in_transaction(lambda c: pausing.resume(c, number, rulebooks.current(c), now(), rep=rep)), as_json
    )


def _say_paused(done: pausing.Paused, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "assignment_id": done.assignment_id,
                "clock": done.kind,
                "due_at": done.due_at,
                "paused_until": done.until,
            }
        )
        return
    state = "runs" if done.until is None else f"stands still until {local_time(done.until)}"
    console.print(
        f"the {done.kind} clock of assignment {done.assignment_id} {state}; due {local_time(done.due_at)}"
    )


@app.command("show")
@command
def show(number: Number, as_json: JsonFlag = False) -> None:
    """Show an assignment: its clocks with both durations, their pauses and moved deadlines, and the acts.

    Example: tasuki handoff show 17
    """
    with transaction() as connection:
        found = reading.one_handoff(connection, number)
    if as_json:
        print_json(found)
        return
    print_card(f"assignment {number}", _filled(found))
    for clock in found["clocks"]:
        print_card(f"{clock['kind'].replace('_', ' ')} clock", _filled(clock))
    for name, value in found.items():
        if name != "clocks" and isinstance(value, list) and value:
            print_table(
                f"\n{name.replace('_', ' ')}", [key.replace("_", " ") for key in value[0]],
                [tuple(row.values()) for row in value],
            )  # fmt: skip


#: Names of values that say more than their own do.
_NAMES: Final = {"raw_s": "seconds in all", "business_s": "business seconds", "warn_at": "warned from"}


def _filled(values: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return what is known of a row, for a card; its lists stand in tables of their own."""
    return [
        (_NAMES.get(key, key.replace("_", " ")), value)
        for key, value in values.items()
        if value is not None and not isinstance(value, list)
    ]


@app.command("decline")
@command
def decline(
    number: Number,
    reason: Annotated[str, typer.Option(help="A reason code of nurture.yaml, such as not_now.")],
    note: Annotated[str | None, typer.Option(help="In your own words.")] = None,
    rep: Rep = None,
    as_json: JsonFlag = False,
) -> None:
    """Decline an offer: by its reason the lead goes to the next rep, back to nurture, or out.

    What was accepted already is handed back, as `tasuki handoff recycle` does.

    Example: tasuki handoff decline 17 --reason not_now --note "budget from April"
    """
    _act(number, "decline", rep, as_json, reason, note)


@app.command("recycle")
@command
def recycle(
    number: Number,
    reason: Annotated[str, typer.Option(help="A reason code of nurture.yaml, such as no_response.")],
    note: Annotated[str | None, typer.Option(help="In your own words.")] = None,
    rep: Rep = None,
    as_json: JsonFlag = False,
) -> None:
    """Hand back a lead that was accepted: by its reason to nurture, to the next rep, or out.

    Example: tasuki handoff recycle 17 --reason no_response --note "called five times"
    """
    _act(number, "recycle", rep, as_json, reason, note)
