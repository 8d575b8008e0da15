"""`tasuki handoff claim` and `tasuki handoff statement`: take a lead that is open, and "why not me?"."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from routing_rules.comparing import turns_of
from routing_rules.statement import outcome_of, say
from schemas.base import Lang
from worker import poking, rulebooks, tasks
from worker.claiming import claim as claim_lead
from worker.cli.common import JsonFlag, command, console, language, print_json, print_table
from worker.explaining import rep_name, rep_with_id
from worker.now import now
from worker.screen import safe
from worker.store import reading, statements
from worker.store.db import in_transaction, transaction


@command
def claim(
    lead: Annotated[str, typer.Argument(help="Lead number (from the notice), address or key.")],
    rep: Annotated[str, typer.Option(help="Who claims it.")],
    as_json: JsonFlag = False,
) -> None:
    """Claim a lead that is open to the pool: the first gets it, accepted at once.

    Example: tasuki handoff claim 1017 --rep kato_daichi
    """
    answer = in_transaction(
        lambda c: claim_lead(c, reading.find_lead(c, lead), rep, rulebooks.current(c), now())
    )
    poking.poke(tasks.deliver)
    if as_json:
        print_json({"assignment_id": answer.assignment_id, "lead_id": answer.lead_id, "rep": answer.rep,
                    "done": answer.done})  # fmt: skip
    else:
        words = f"assignment {answer.assignment_id} (lead {answer.lead_id}, {answer.rep}): {answer.done}"
        console.print(safe(words))


@command
def statement(
    rep: Annotated[str, typer.Argument(help="Whose statement.")],
    pool: Annotated[str | None, typer.Option(help="Of this pool only.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="So far back.")] = 30,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many turns.")] = 50,
    lang: Annotated[str, typer.Option(help="ja or en; else the rep's own.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Tell a rep every turn of their pools: taken or not, and why ("why not me?").

    Example: tasuki handoff statement kato_daichi --days 7 --lang ja
    """
    said = language(lang) if lang else None
    with transaction() as connection:
        loaded = rulebooks.current(connection)
        since = now() - timedelta(days=days)
        accounts = statements.accounts_of(connection, rep, pool=pool, since=since)
        rows = statements.turns_seen(connection, rep, pool=pool, since=since, limit=limit)
    known = loaded.team.reps
    if rep not in known and not rows:
        rulebooks.require_rep(rep, known)
    words: Lang = said or (known[rep].spec.language if rep in known else "ja")
    names = {one: rep_name(one, loaded, words) for one in known}
    told = [_told(row, rep, words, names) for row in rows]
    books = [_book(account) for account in accounts]
    if as_json:
        print_json({"rep": rep, "days": days, "pools": books, "turns": told})
        return
    headings = _HEADINGS[words]
    print_table(headings[0], headings[1], [
        (one["pool"], one["taken"], one["given_back"], one["due"], one["had"], one["owed"], one["to_make_up"])
        for one in books
    ])  # fmt: skip
    print_table(headings[2], headings[3], [
        (one["at"], one["pool"], one["lead_id"], one["assigned_to"] and rep_with_id(one["assigned_to"], loaded, words),
         one["why"]) for one in told
    ])  # fmt: skip


_HEADINGS = {
    "ja": (
        "持ち分", ("プール", "受けた件数", "戻した番", "割当（番）", "使った番", "現在の持ち分", "取り戻せる番"),
        "順番の記録（新しい順）", ("日時", "プール", "リード", "担当", "理由"),
    ),
    "en": (
        "account", ("pool", "leads", "given back", "turns due", "turns had", "owed now", "to make up"),
        "turns, the newest first", ("at", "pool", "lead", "went to", "why"),
    ),
}  # fmt: skip


def _told(row: dict[str, Any], rep: str, lang: Lang, names: dict[str, str]) -> dict[str, Any]:
    return {
        "at": row["at"], "pool": row["pool"], "lead_id": row["lead_id"], "assignment_id": row["assignment_id"],
        "assigned_to": row["rep"] if row["kind"] == "taken" else None, "strategy": row["strategy"],
        "outcome": outcome_of(row, rep), "why": say(row, rep, lang, names),
    }  # fmt: skip


def _book(account: dict[str, Any]) -> dict[str, Any]:
    return {
        "pool": account["pool"], "taken": account["taken"], "of_all": account["pool_taken"],
        "given_back": account["given_back"], "due": turns_of(account["due"]), "had": turns_of(account["had"]),
        "owed": turns_of(account["credit"]), "to_make_up": turns_of(account["makeup"]),
        "make_up_until": account["makeup_until"], "away_since": account["away_since"],
    }  # fmt: skip
