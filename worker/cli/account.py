"""`tasuki account`: companies that leads belong to; what may be one is listed, and people decide."""

from typing import Annotated, Any

import typer

from routing_rules.companies import normal_name
from routing_rules.counted import counted
from schemas.errors import Refused
from worker import account_acts, account_finding
from worker.cli.common import JsonFlag, command, console, print_json, print_table
from worker.cli.lead_merges import By
from worker.now import now
from worker.screen import safe
from worker.store import reading
from worker.store.db import in_transaction, run, transaction

app = typer.Typer(help="Accounts: the companies that leads belong to.", no_args_is_help=True)

Which = Annotated[
    str, typer.Argument(help="An account's key, `lead:NUMBER`, a domain, a corporate number or a name.")
]


@app.command("show")
@command
def show(
    which: Which,
    limit: Annotated[int, typer.Option(help="Leads at most.", min=1, max=10_000)] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Show an account: what it is known by, who owns it, its leads and merges.

    Example: tasuki account show aoba.co.jp
    """
    with transaction() as connection:
        key = account_acts.account_of(connection, which)
        found = _account(connection, key, limit)
    if as_json:
        print_json(found)
        return
    console.print(
        f"[bold]{safe(key)}[/bold]: {counted(found['leads_in_all'], 'lead')}, owner {safe(str(found['owner'] or '-'))}"
    )
    for name in ("identities", "leads", "candidates", "merges"):
        rows: list[dict[str, Any]] = found[name]
        if rows:
            print_table(f"\n{name}", tuple(rows[0]), [tuple(row.values()) for row in rows])


def _account(connection: Any, key: str, limit: int) -> dict[str, Any]:
    def rows(sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in run(connection, sql, k=key, n=limit).mappings()]

    return {
        "account": key,
        "owner": run(connection, "SELECT owner FROM tasuki.account WHERE account_key = :k", k=key).scalar(),
        "leads_in_all": run(
            connection,
            "SELECT count(*) FROM tasuki.lead WHERE account_key = :k AND merged_into IS NULL",
            k=key,
        ).scalar(),
        "identities": rows(
            "SELECT kind, value, place, form, seen_at FROM tasuki.account_identity WHERE account_key = :k"
            " ORDER BY kind, value, place LIMIT :n"
        ),
        "leads": rows(
            "SELECT lead_id, email, company, lifecycle_stage, owner FROM tasuki.lead"
            " WHERE account_key = :k AND merged_into IS NULL ORDER BY updated_at DESC LIMIT :n"
        ),
        "candidates": rows(
            "SELECT one, account_key AS other, because, score, settled FROM tasuki.account_candidate"
            " WHERE account_key = :k OR one = :k ORDER BY score DESC LIMIT :n"
        ),
        "merges": rows(
            "SELECT merge_id, kept, gone, by, at, undone_at, undone_by FROM tasuki.account_merge"
            " WHERE kept = :k OR gone = :k ORDER BY merge_id DESC LIMIT :n"
        ),
    }


@app.command("candidates")
@command
def candidates(
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1, max=10_000)] = 100,
    as_json: JsonFlag = False,
) -> None:
    """List accounts, and leads without one, that may be one company; names that are new are compared first.

    Example: tasuki account candidates
    """
    in_transaction(lambda c: account_finding.join_bridged(c, now()))
    while in_transaction(lambda c: account_finding.propose(c, now())):
        pass
    with transaction() as connection:
        rows = [
            dict(row)
            for row in run(
                connection,
                "SELECT one, account_key AS other, because, score, seen_at FROM tasuki.account_candidate"
                " WHERE settled IS NULL ORDER BY score DESC, one, account_key LIMIT :n",
                n=limit,
            ).mappings()
        ]
    if as_json:
        print_json(rows)
    elif rows:
        print_table("may be one company", tuple(rows[0]), [tuple(row.values()) for row in rows])
    else:
        console.print("none")


@app.command("merge")
@command
def merge(kept: Which, gone: Which, by: By = "unknown", as_json: JsonFlag = False) -> None:
    """Make two accounts one. It can be undone: `tasuki account split --merge NUMBER`.

    Example: tasuki account merge domain:aoba.co.jp domain:aoba-net.jp --by aoki
    """
    with transaction() as connection:
        pair = account_acts.account_of(connection, kept), account_acts.account_of(connection, gone)
    merge_id = in_transaction(lambda c: account_acts.merge(c, *pair, by, now()))
    if as_json:
        print_json({"account": pair[0], "merge_id": merge_id})
    else:
        console.print(f"{safe(pair[1])} is now {safe(pair[0])} (merge {merge_id})")


@app.command("split")
@command
def split(
    which: Annotated[str | None, typer.Argument(help="The account to part.")] = None,
    take: Annotated[list[str] | None, typer.Option(help="What goes to the new one: domain=aoba.jp, corporate_number=..., name=...")] = None,
    merge_id: Annotated[int | None, typer.Option("--merge", help="Or the number of a merge to undo.")] = None,
    by: By = "unknown",
    as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Part an account in two: by what the new one is known by, or by undoing a merge.

    Example: tasuki account split domain:group.example --take name=青葉建設
    """
    if (merge_id is None) == (which is None):
        raise Refused("name an account with --take, or a merge with --merge")
    if merge_id is not None:
        new = in_transaction(lambda c: account_acts.unmerge(c, merge_id, by, now()))
        moved = None
    else:
        assert which is not None  # noqa: S101 - one of the two was given
        wanted = [_identity(word) for word in take or ()]
        with transaction() as connection:
            key = account_acts.account_of(connection, which)
        new, moved = in_transaction(lambda c: account_acts.split(c, key, wanted, now()))
    if as_json:
        print_json({"account": new, "leads": moved})
    else:
        console.print(
            f"{safe(new)} is an account of its own"
            + ("" if moved is None else f", with {counted(moved, 'lead')}")
        )


def _identity(word: str) -> tuple[str, str]:
    kind, found, value = word.partition("=")
    if not found or kind not in ("corporate_number", "domain", "name"):
        raise Refused(f"{word!r}: write domain=..., corporate_number=... or name=...")
    return (kind, normal_name(value) if kind == "name" else value.strip().lower())


@app.command("put")
@command
def put(
    who: Annotated[str, typer.Argument(help="Lead number, e-mail address, or the producer's own key.")],
    which: Which,
    by: By = "unknown",
    as_json: JsonFlag = False,
) -> None:
    """Put a lead into an account; it stays there whatever it says of its company.

    Example: tasuki account put hanako@gmail.com domain:aoba.co.jp --by aoki
    """
    with transaction() as connection:
        lead_id, key = reading.find_lead(connection, who), account_acts.account_of(connection, which)
    in_transaction(lambda c: account_acts.put(c, lead_id, key, by, now()))
    if as_json:
        print_json({"lead_id": lead_id, "account": key})
    else:
        console.print(f"lead {lead_id} belongs to {safe(key)}")


@app.command("apart")
@command
def apart(one: Which, other: Which, as_json: JsonFlag = False) -> None:
    """Say that two accounts are two companies: they are not listed again.

    Example: tasuki account apart domain:aoba.co.jp domain:aoba.com
    """
    with transaction() as connection:
        pair = account_acts.account_of(connection, one), account_acts.account_of(connection, other)
    in_transaction(lambda c: account_acts.keep_apart(c, *pair, now()))
    if as_json:
        print_json({"accounts": list(pair)})
    else:
        console.print(f"{safe(pair[0])} and {safe(pair[1])} stay two")
