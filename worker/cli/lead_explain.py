"""The tables of `tasuki lead explain` and `lead show`: decisions in full, what would do, and what comes next."""

from typing import Any

from routing_rules.nearest import smallest_changes
from routing_rules.nearest_words import short_words
from schemas.base import Lang
from schemas.errors import NotFound
from worker import rulebooks
from worker.cli.common import console, print_json, print_table
from worker.explaining import explain_decision, explain_now
from worker.now import now_ms
from worker.rulebooks import Loaded
from worker.screen import safe
from worker.store import reading
from worker.store.db import transaction
from worker.store.leads import LeadRow

_NEEDS = {"ja": "引き渡しまで", "en": "until it is ready"}
_COLUMNS = {"ja": ("区分", "内容", "点"), "en": ("part", "what", "points")}


def print_ways(row: LeadRow, loaded: Loaded, lang: Lang) -> None:
    """Print in one line what would make a held lead ready, and below what would do and what comes next."""
    ways = smallest_changes(row.state, row.standing, loaded.book, now_ms(), row.account_owner)
    if ways:
        console.print(f"\n{_NEEDS[lang]}: " + safe(short_words(ways, loaded.book, lang)), soft_wrap=True)
    rows = [one for one in explain_now(row, loaded, lang)["table"] if one["section"] in ("way", "next")]
    if rows:
        _print_rows("", rows, lang)


def print_held(held: dict[str, Any]) -> None:
    """Print what a held lead carries, in both languages."""
    track = held["track_name"]
    console.print("track: " + ("-" if track is None else safe(f"{track['ja']} / {track['en']}")))
    if held["needs"]["en"]:
        console.print(f"{_NEEDS['ja']}: " + safe(held["needs"]["ja"]), soft_wrap=True)
        console.print(f"{_NEEDS['en']}: " + safe(held["needs"]["en"]), soft_wrap=True)
    for one in held["next"]:
        console.print("  " + safe(f"{one['ja']} / {one['en']}"), soft_wrap=True)


def explain_decisions(who: str, number: int, lang: Lang, *, as_json: bool) -> None:
    """Print one decision in full, or every one."""
    with transaction() as connection:
        history = reading.decisions(connection, reading.find_lead(connection, who))
        chosen = [item for item in history if number in (0, item["decision_id"])]
        if not chosen:
            known = ", ".join(str(item["decision_id"]) for item in history[-12:])
            raise NotFound(f"the lead has no decision {number}; it has {known}")
        told = [explain_decision(item, rulebooks.load(item["rulebook_version"]), lang) for item in chosen]
    if as_json:
        print_json(told)
        return
    for one in told:
        head = f"{one['decision_id']}  {one['at']:%Y-%m-%d %H:%M} UTC  {one['from_stage'] or '-'} → {one['to_stage']}"
        console.print(f"\n[bold]{safe(head)}[/bold] (rulebook {one['rulebook_version']})")
        console.print(safe(one["sentence"]), soft_wrap=True)
        if one["table"]:
            _print_rows("", one["table"], lang)


def _print_rows(title: str, rows: list[dict[str, Any]], lang: Lang) -> None:
    before = ""
    cells = []
    for row in rows:
        heading = "" if row["heading"] == before else row["heading"]
        before = row["heading"]
        points = "" if row["points"] is None else f"{row['points']:g}"
        cells.append((heading, row["what"], points))
    print_table(title, _COLUMNS[lang], cells)
