"""`tasuki outbox`: what people are told, where each message is, and what to do when one does not arrive."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from schemas.errors import Refused
from worker.cli.common import JsonFlag, command, console, print_json, print_table, safe_lines
from worker.now import now
from worker.screen import safe
from worker.store import outbox_view
from worker.store.db import in_transaction, transaction
from worker.zone import local_day_time

app = typer.Typer(help="Notices on their way: list, show, retry, drop.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="Message number, from `outbox list`.")]


class Status(StrEnum):
    """Where a message can be."""

    PENDING = "pending"
    IN_DIGEST = "in_digest"
    SENT = "sent"
    SUPERSEDED = "superseded"
    REFUSED = "refused"
    REROUTED = "rerouted"
    DROPPED = "dropped"


@app.command("list")
@command
def list_(
    status: Annotated[Status | None, typer.Option(help="Of this status only.")] = None,
    receiver: Annotated[str | None, typer.Option(help="Of this channel or rep only.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Delivered ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List messages that are not delivered, with what they wait for and their last error.

    Example: tasuki outbox list --receiver slack_sales
    """
    with transaction() as connection:
        rows = outbox_view.listed(
            connection, status=status, receiver=receiver, everything=everything, limit=limit
        )
    if as_json:
        print_json(rows)
        return
    columns = (
        "#",
        "kind",
        "to",
        "by",
        "lead",
        "written",
        "status",
        "tries",
        "next try",
        "waits for / last error",
    )
    print_table("outbox", columns, [
        (r["message_id"], r["kind"], r["rep"] or r["receiver"], r["channel_id"] or r["channel"], r["lead_id"],
         r["created_at"], r["status"], r["attempts"], r["next_try_at"], _why(r)) for r in rows
    ])  # fmt: skip


def _why(row: dict[str, Any]) -> str | None:
    away = row["away_since"] and f"receiver away since {local_day_time(row['away_since'])}"
    parts = [part for part in (row["waits_for"] or away, row["last_error"]) if part]
    if row["digest_id"]:
        parts.append(f"told in {row['digest_id']}")
    return "; ".join(parts) or None


@app.command("show")
@command
def show(number: Number, as_json: JsonFlag = False) -> None:
    """Show one message: its text as the channel shows it, its tries, and how its receiver is.

    Example: tasuki outbox show 12
    """
    from worker import rulebooks
    from worker.notices.as_text import as_text
    from worker.notices.routes import channel_of, policy_of
    from worker.notices.sheet import make_sheet

    with transaction() as connection:
        row = outbox_view.one(connection, number)
        if row is None:
            raise Refused(f"there is no message {number}; see `tasuki outbox list --all`")
        bodies = outbox_view.carried(connection, number) if row["kind"] == "digest" else [row["body"]]
        team = rulebooks.current(connection).book.source.team
    spec = channel_of(row["channel_id"], team) if row["channel_id"] else None
    policy = policy_of(row["channel_id"], spec)
    text = as_text(make_sheet(bodies, row["idempotency_key"], policy, {}, now())) if bodies else ""
    del row["body"]
    if as_json:
        print_json({**row, "text": text})
        return
    print_table(f"message {number}", ("field", "value"), [(key, _cell(value)) for key, value in row.items()])
    console.print()
    console.print(safe_lines(text), soft_wrap=True)


def _cell(value: Any) -> Any:
    return ", ".join(value) or None if isinstance(value, list) else value


@app.command("retry")
@command
def retry(
    number: Annotated[int | None, typer.Argument(help="Message number, from `outbox list`.")] = None,
    receiver: Annotated[str | None, typer.Option(help="All of this receiver, and close its breaker.")] = None,
) -> None:
    """Have messages tried at once: after a receiver, its address or the rulebook was mended.

    Example: tasuki outbox retry --receiver slack_sales
    """
    if (number is None) == (receiver is None):
        raise Refused("name one message, or --receiver")
    at = now()
    count = in_transaction(lambda c: outbox_view.retry(c, at, message_id=number, receiver=receiver))
    if not count and number is not None:
        count = int(in_transaction(lambda c: outbox_view.reopen(c, number)))
        if not count:
            raise Refused(f"message {number} is not there, was told already, or is being sent right now")
    console.print(f"to be tried again: {count}")


@app.command("drop")
@command
def drop(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why nobody needs to be told; kept with it.")],
) -> None:
    """Give a message up: it stays on record with the reason.

    Example: tasuki outbox drop 12 --reason "told by phone"
    """
    if not reason.strip():
        raise Refused("say why nobody needs to be told")
    if not in_transaction(lambda c: outbox_view.drop(c, [number], reason.strip())):
        raise Refused(f"message {number} is not there, or not waiting")
    console.print(safe(f"message {number} dropped"))
