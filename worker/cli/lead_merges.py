"""`tasuki lead merge|unmerge|apart|candidates`: leads that are, or may be, one person."""

from typing import Annotated

import typer

from worker import rulebooks
from worker.cli.common import JsonFlag, command, console, print_json, print_table
from worker.cli.lead import Who, app
from worker.now import now
from worker.store import reading
from worker.store.db import in_transaction, transaction

By = Annotated[str, typer.Option(help="Who says so; kept on record.", envvar="USER")]


@app.command("merge")
@command
def merge(
    kept: Annotated[
        str, typer.Argument(help="The lead that stays: number, e-mail address or producer's key.")
    ],
    gone: Annotated[str, typer.Argument(help="The lead that is taken in.")],
    by: By = "unknown",
    as_json: JsonFlag = False,
) -> None:
    """Make two leads one because they are one person. It can be undone.

    Example: tasuki lead merge hanako@aoba.example.co.jp h.sato@aoba.example.co.jp --by aoki
    """
    from worker import tasks
    from worker.unmerging import merge_by_hand

    with transaction() as connection:
        one, other = reading.find_lead(connection, kept), reading.find_lead(connection, gone)
    judged = in_transaction(lambda c: merge_by_hand(c, one, other, by, rulebooks.current(c), now()))
    tasks.after_judged(judged)
    if as_json:
        print_json({"lead_id": one, "merged": other})
    else:
        console.print(f"lead {other} is now lead {one}")


@app.command("unmerge")
@command
def unmerge(
    merge_id: Annotated[int, typer.Argument(help="Number of the merge: `tasuki lead candidates --merges`.")],
    by: By = "unknown",
    as_json: JsonFlag = False,
) -> None:
    """Undo a merge: each lead gets its keys, events and judgement back, and no later event merges them.

    Example: tasuki lead unmerge 17 --by aoki
    """
    from worker import tasks, unmerging

    one, other, judged = in_transaction(
        lambda c: unmerging.unmerge(c, merge_id, by, rulebooks.current(c), now())
    )
    tasks.after_judged(judged)
    if as_json:
        print_json({"leads": [one, other]})
    else:
        console.print(f"leads {one} and {other} are two again")


@app.command("apart")
@command
def apart(one: Who, other: Who, as_json: JsonFlag = False) -> None:
    """Say that two leads are two people: they are not listed again, and no event merges them.

    Example: tasuki lead apart 1001 1002
    """
    from worker.unmerging import keep_apart

    with transaction() as connection:
        pair = reading.find_lead(connection, one), reading.find_lead(connection, other)
    in_transaction(lambda c: keep_apart(c, *pair, now()))
    if as_json:
        print_json({"leads": list(pair)})
    else:
        console.print(f"leads {pair[0]} and {pair[1]} stay two")


@app.command("candidates")
@command
def candidates(
    find: Annotated[
        bool, typer.Option("--find", help="Look through all leads for shared phone and name first.")
    ] = False,
    merges: Annotated[
        bool, typer.Option("--merges", help="List the merges that can be undone instead.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1, max=10_000)] = 100,
    as_json: JsonFlag = False,
) -> None:
    """List leads that may be one person; nothing is merged that is not certain.

    Example: tasuki lead candidates --find
    """
    from worker import finding

    if find:
        in_transaction(lambda c: finding.people_by_phone(c, now()))
    with transaction() as connection:
        rows = finding.merges(connection, limit) if merges else finding.candidates(connection, limit)
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            "merges" if merges else "may be one", tuple(rows[0]), [tuple(row.values()) for row in rows]
        )
    else:
        console.print("none")
