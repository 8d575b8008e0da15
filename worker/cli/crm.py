"""`tasuki crm`: whether the CRM is up to date, what would be written, and what it says of deals."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from routing_rules.counted import counted
from schemas.errors import Refused
from worker.cli.common import (
    REFUSED,
    JsonFlag,
    command,
    command_alone,
    console,
    errors,
    print_json,
    print_table,
)
from worker.now import now
from worker.screen import safe
from worker.store import crm as store
from worker.store import reading
from worker.store.crm_reading import fare, troubled
from worker.store.db import in_transaction, transaction

if TYPE_CHECKING:
    from worker.crm.mapping import CrmMapping

app = typer.Typer(help="The CRM: status, what is written, outcomes read back.", no_args_is_help=True)

Who = Annotated[str, typer.Argument(help="Lead number, e-mail address, or the producer's own key.")]
MaybeWho = Annotated[
    str | None, typer.Argument(help="Lead number, e-mail address, or the producer's own key.")
]


@app.command("status")
@command
def status(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Leads shown at most.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """Show how the connection fares, and every lead that is not written or not wholly. Exit 1 when one is refused.

    Example: tasuki crm status
    """
    from worker.crm import connect

    name = connect.name()
    with transaction() as connection:
        found = fare(connection, name, now())
        rows = troubled(connection, name, limit)
    if as_json:
        print_json({"connection": found, "leads": rows})
    else:
        print_table(f"CRM: {name}", ("what", "now"), list(found.items()))
        if rows:
            columns = (
                "lead_id",
                "status",
                "object",
                "crm_id",
                "attempts",
                "next_try_at",
                "last_error",
                "note",
            )
            print_table("\nleads", columns, [[row[key] for key in columns] for row in rows])
    if found["refused"]:
        raise typer.Exit(REFUSED)


@app.command("try")
@command
def try_(who: Who, as_json: JsonFlag = False) -> None:
    """Show what would be written of a lead, and to which record, without writing it.

    Example: tasuki crm try hanako.sato@example.co.jp
    """
    from worker.crm.push import preview

    with transaction() as connection:
        lead_id = reading.find_lead(connection, who)
    found = preview(lead_id)
    if as_json:
        print_json(found)
    elif "error" in found:
        console.print(f"[yellow]not written:[/yellow] {safe(found['error'])}", soft_wrap=True)
    else:
        record = found["record"] or "a new record"
        rows = list(found["fields"].items()) or [("-", "everything is there already")]
        print_table(f"lead {lead_id} to {found['object']} {record}", ("field", "value"), rows)
        if found["note"]:
            console.print(safe(found["note"]), soft_wrap=True)
    if "error" in found:
        raise typer.Exit(REFUSED)


@app.command("push")
@command
def push(
    who: MaybeWho = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every lead that the CRM should have: after connecting it, say.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a lead now, whether it changed or not; or have all of them written in the background.

    Example: tasuki crm push hanako.sato@example.co.jp
    """
    from worker.crm import connect
    from worker.crm.mapping import load
    from worker.crm.push import push_due

    if (who is None) != everything:
        raise Refused("name one lead, or say --all")
    name = connect.name()
    if who is None:
        count = in_transaction(lambda c: store.mark_all(c, load(name).create_in, now()))
        print_json({"marked": count}) if as_json else console.print(
            counted(count, "lead") + " will be written"
        )
        return
    with transaction() as connection:
        lead_id = reading.find_lead(connection, who)
        store.mark(connection, [lead_id], now())
    done = push_due(now(), only=lead_id)
    with transaction() as connection:
        row = store.one(connection, name, lead_id)
    if as_json:
        print_json(row)
    else:
        _say(row, done.away)
    if row["status"] in ("pending", "refused"):
        raise typer.Exit(REFUSED)


def _say(row: dict[str, Any], away: str | None) -> None:
    where = f"{row['object']} {row['crm_id']}" if row["crm_id"] else "no record"
    console.print(safe(f"lead {row['lead_id']}: {row['status']}, {where}"), soft_wrap=True)
    for words in (away or row["last_error"], row["note"]):
        if words:
            console.print(safe(words), soft_wrap=True)


@app.command("retry")
@command
def retry(who: MaybeWho = None, as_json: JsonFlag = False) -> None:
    """Try again what was refused or written in part, and a CRM that was away: whatever was wrong is mended.

    Example: tasuki crm retry
    """
    from worker.crm import connect, meter

    name = connect.name()
    with transaction() as connection:
        lead_id = None if who is None else reading.find_lead(connection, who)
        meter.close(connection, name)
        count = store.retry(connection, name, lead_id, now())
    if as_json:
        print_json({"again": count})
    else:
        console.print(counted(count, "lead is", "leads are") + " tried again")


@app.command("pull")
@command
def pull(
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"], help="Read again from here (UTC day, or instant)."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Read opportunities and owners that changed since the last pull, and put them on the queue.

    For a CRM that cannot send its changes; run it every few minutes. Running it twice is harmless.

    Example: tasuki crm pull
    """
    from datetime import UTC

    from worker.crm import pull as pulling

    start = since if since is None or since.tzinfo else since.replace(tzinfo=UTC)
    done = pulling.pull(now(), start)
    if as_json:
        print_json({"outcomes": done.outcomes, "owners": done.owners, "strangers": done.strangers})
        return
    console.print(f"{counted(done.outcomes, 'outcome')} and {counted(done.owners, 'owner')} on the queue")
    if done.strangers:
        of = counted(done.strangers, "opportunity is", "opportunities are")
        errors.print(f"{of} of people whom Tasuki does not know: left out")


@app.command("fields")
@command_alone
def fields(as_json: JsonFlag = False) -> None:
    """Show what is written to which field of the CRM, by the defaults and TASUKI_CRM_MAPPING.

    Example: tasuki crm fields
    """
    from worker.crm import connect
    from worker.crm.card import FACTS
    from worker.crm.mapping import load

    mapping = load(connect.name())
    if connect.name() == "webhook":
        _say_carried(mapping, as_json=as_json)
        return
    if as_json:
        print_json(mapping.model_dump())
        return
    rows = [
        (name, field, spec.fact or "-", spec.write, spec.max, FACTS.get(spec.fact or "", spec.text))
        for name, specs in mapping.objects.items()
        for field, spec in specs.items()
        if spec is not None
    ]
    print_table(f"fields ({mapping.id_field} holds the lead's number)",
                ("object", "field", "fact", "write", "max", "what"), rows)  # fmt: skip


def _say_carried(mapping: "CrmMapping", *, as_json: bool) -> None:
    """Show what the webhook carries: all that is known of a lead, under names that no mapping changes."""
    from worker.crm.webhook import carries

    if as_json:
        print_json({**mapping.model_dump(), "carries": carries()})
        return
    print_table(
        "data of crm.lead: what is known of the lead, and no more", ("name", "what"), list(carries().items())
    )
    console.print(
        "The receiver puts it into the CRM's fields. The file of TASUKI_CRM_MAPPING can change `status`, `users`,"
        " `nobody`, `language` and `create_in`.",
        soft_wrap=True,
    )
