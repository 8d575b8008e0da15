"""`tasuki token`: who may call the HTTP API."""

from datetime import timedelta
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from schemas.base import Duration
from schemas.errors import Refused
from worker import rulebooks, tokens
from worker.cli.common import JsonFlag, command, console, errors, print_json, print_table
from worker.now import now
from worker.store.db import in_transaction, transaction

app = typer.Typer(help="Tokens of the HTTP API: create, list, revoke.", no_args_is_help=True)


@app.command("create")
@command
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it, such as crm-sync.")],
    scope: Annotated[list[str], typer.Option(help="leads:read or assignments:write; may be repeated.")],
    rep: Annotated[str | None, typer.Option(help="Only for what this rep holds.")] = None,
    expires: Annotated[str, typer.Option(help="How long it lasts, such as 12h or 90d.")] = "90d",
    as_json: JsonFlag = False,
) -> None:
    """Make a token and print it, this once: only its hash is kept.

    Example: tasuki token create crm-sync --scope leads:read --scope assignments:write --expires 90d
    """
    lasts = timedelta(seconds=_seconds(expires))
    with transaction() as connection:
        if rep is not None:
            rulebooks.require_rep(rep, rulebooks.current(connection).team.reps)
        token_id, token = tokens.create(connection, name, scope, lasts, now(), rep=rep)
    if as_json:
        print_json({"token_id": token_id, "token": token})
        return
    errors.print(f"token {token_id}; it is shown this once:")
    console.print(token, markup=False, soft_wrap=True)


def _seconds(text: str) -> int:
    try:
        seconds: int = TypeAdapter(Duration).validate_python(text)
    except ValidationError:
        raise Refused(f"{text!r} is no duration up to 366d; write one such as 12h or 90d") from None
    if seconds == 0:
        raise Refused("a token that lasts 0 seconds is of no use")
    return seconds


@app.command("list")
@command
def list_(as_json: JsonFlag = False) -> None:
    """List all tokens, without their secrets.

    Example: tasuki token list
    """
    with transaction() as connection:
        rows = tokens.listed(connection)
    if as_json:
        print_json(rows)
        return
    print_table("tokens", ("#", "name", "scopes", "rep", "made", "ends", "last used", "revoked"), [
        (r["token_id"], r["name"], ", ".join(r["scopes"]), r["rep"], r["created_at"], r["expires_at"],
         r["last_used_at"], r["revoked_at"]) for r in rows
    ])  # fmt: skip


@app.command("revoke")
@command
def revoke(number: Annotated[int, typer.Argument(help="Token number, from `token list`.")]) -> None:
    """End a token at once.

    Example: tasuki token revoke 3
    """
    in_transaction(lambda connection: tokens.revoke(connection, number, now()))
    console.print(f"token {number} is revoked")
