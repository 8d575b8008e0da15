"""What `tasuki lead explain` prints."""

from typing import Any, Final

import msgspec

from routing_rules.coming import InLine
from routing_rules.explain import (
    activity_name,
    all_missing,
    decided_by,
    missing_words,
    persona_name,
    route_words,
    rule_name,
    sentence,
    stage_name,
)  # fmt: skip
from routing_rules.judge import judge
from routing_rules.nearest import smallest_changes
from routing_rules.nearest_words import short_words
from routing_rules.outlook import Fall, outlook
from routing_rules.outlook_words import fall_words, filtered_words, known_words, must_words
from schemas.base import HOME_ZONE, Lang
from schemas.decision import Judgement, Reasons
from schemas.errors import NotFound
from worker import rulebooks
from worker.cli.common import console, print_json, print_table
from worker.explaining import explain_decision, explain_now, held_words, line_of, rep_name
from worker.learned import chance_of
from worker.now import now_ms
from worker.rulebooks import Loaded
from worker.screen import safe
from worker.store import leads, reading
from worker.store.db import transaction
from worker.store.leads import LeadRow
from worker.store.rows import utc_ms
from worker.zone import local_day_time

_NEEDS = {"ja": "引き渡しまで", "en": "until it is ready"}
_BOOK = {"ja": "ルールブック", "en": "rulebook"}
_COLUMNS = {"ja": ("区分", "内容", "点"), "en": ("part", "what", "points")}


def print_ways(row: LeadRow, loaded: Loaded, lang: Lang, in_line: InLine | None) -> None:
    """Print in one line what would make a held lead ready, and below what would do and what comes next."""
    ways = smallest_changes(row.state, row.standing, loaded.book, now_ms(), row.account_owner)
    if ways:
        console.print(f"\n{_NEEDS[lang]}: " + safe(short_words(ways, loaded.book, lang)), soft_wrap=True)
    rows = [
        one for one in explain_now(row, loaded, lang, in_line)["table"] if one["section"] in ("way", "next")
    ]
    if rows:
        _print_rows("", rows, lang)


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
        before, after = (_stage(one[stage], lang) or "-" for stage in ("from_stage", "to_stage"))
        head = f"{one['decision_id']}  {local_day_time(one['at'])}  {before} → {after}"
        console.print(f"\n[bold]{safe(head)}[/bold] ({_BOOK[lang]} {one['rulebook_version']})")
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


def explain_lead(who: str, lang: Lang, *, as_json: bool) -> None:
    """Print the judgement of this moment, what comes of it, and every decision in a line."""
    at_ms = now_ms()
    with transaction() as connection:
        lead_id = reading.find_lead(connection, who)
        row = leads.read_lead(connection, lead_id)
        history = reading.decisions(connection, lead_id)
        loaded = rulebooks.current(connection)
        assert row is not None  # noqa: S101 - it was just found
        learned = chance_of(connection, row, at_ms)
        in_line = line_of(connection, lead_id)
    judged = judge(row.state, row.standing, loaded.book, at_ms, row.account_owner)
    falls = outlook(row.state, row.standing, loaded.book, at_ms, row.account_owner)
    if as_json:
        print_json(
            {**_judged_as_data(judged, row, falls, loaded, lang, in_line),
             "learned": None if learned is None else learned.told(lang),
             "decisions": [_decision_as_data(item) for item in history]}
        )  # fmt: skip
        return
    said = _HEADINGS[lang]
    stage = stage_name(row.standing.lifecycle_stage, lang)
    console.print(f"[bold]{said['lead']} {lead_id}[/bold]: {safe(stage)}")
    console.print(safe(sentence(judged, loaded.book, lang)), soft_wrap=True)
    if learned is not None:
        console.print(safe(learned.line(lang)), soft_wrap=True)
    _print_judged(judged, loaded, lang)
    print_ways(row, loaded, lang, in_line)
    _print_titled(said["ahead"], [(fall_words(fall, loaded.book, lang, HOME_ZONE),) for fall in falls])
    title, *columns = said["decisions"]
    print_table(f"\n{title}", columns, [_decision_line(item, loaded, lang) for item in history])


def _judged_as_data(
    judged: Judgement, row: LeadRow, falls: list[Fall], loaded: Loaded, lang: Lang, in_line: InLine | None
) -> dict[str, Any]:
    book = loaded.book
    return {
        "lead_id": row.lead_id, "lifecycle_stage": row.standing.lifecycle_stage,
        "now": msgspec.to_builtins(judged), "sentence": sentence(judged, book, lang),
        "missing": [missing_words(item, book, lang) for item in judged.reasons.missing],
        "outlook": [
            {**msgspec.to_builtins(fall), "at": utc_ms(fall.at_ms), "words": fall_words(fall, book, lang, HOME_ZONE)}
            for fall in falls
        ],
        "table": explain_now(row, loaded, lang, in_line)["table"], "held": held_words(row, loaded),
        "rulebook_version": loaded.version,
    }  # fmt: skip


def _decision_as_data(item: dict[str, Any]) -> dict[str, Any]:
    told = {key: value for key, value in item.items() if key != "inputs"}
    return {**told, "reasons": msgspec.json.decode(item["reasons"])}


def _print_judged(judged: Judgement, loaded: Loaded, lang: Lang) -> None:
    """Print what fit and engagement are made of, what was left out of them, and what is missing."""
    said, book, reasons = _HEADINGS[lang], loaded.book, judged.reasons
    _fit_table(judged, loaded, lang)
    parts = [(activity_name(kind, book, lang), points) for kind, points in reasons.engagement.items()]
    _print_titled(said["engagement"], [*parts, ("=", judged.engagement)] if parts else [])
    _print_titled(said["left_out"], filtered_words(reasons, book, lang))
    title, *columns = said["missing"]
    nearest = title.format(rule=rule_name(reasons.nearest, book, lang))
    _print_titled((nearest, *columns), [(missing_words(item, book, lang),) for item in reasons.missing])


def _print_titled(heading: tuple[str, ...], rows: list[Any]) -> None:
    if rows:
        title, *columns = heading
        print_table(f"\n{title}", columns, rows)


_HEADINGS: Final[dict[Lang, dict[str, Any]]] = {
    "ja": {
        "lead": "リード",
        "fit": ("適合度: {persona}（{known}）", "規則", "点"),
        "must": ("必須条件", "内容", "充足"),
        "engagement": ("関心度", "行動", "点"),
        "left_out": ("除外: 人の操作ではないもの", "行動", "理由", "回数"),
        "missing": ("「{rule}」までに不足しているもの", "内容"),
        "ahead": ("このまま何も起きない場合", "内容"),
        "decisions": ("判定の履歴", "日時", "前", "後", "規則", "理由", "ルールブック"),
    },
    "en": {
        "lead": "lead",
        "fit": ("fit: {persona} ({known})", "rule", "points"),
        "must": ("must-haves", "what", "met"),
        "engagement": ("engagement", "activity", "points"),
        "left_out": ("left out: not done by a person", "activity", "why", "times"),
        "missing": ("missing for “{rule}”", "what"),
        "ahead": ("if nothing more happens", "what"),
        "decisions": ("decisions", "at", "from", "to", "rule", "why", "rulebook"),
    },
}


def _fit_table(judged: Judgement, loaded: Loaded, lang: Lang) -> None:
    persona = next(item for item in loaded.book.source.persona.personas if item.id == judged.persona)
    rows = [
        (
            rule.name.say(lang) if rule.name else str(rule.when),
            rule.points if index in judged.reasons.fit_rules else 0,
        )
        for index, rule in enumerate(persona.fit)
    ]
    said = _HEADINGS[lang]
    title, *columns = said["fit"]
    persona_words = persona_name(judged.persona, loaded.book, lang)
    known = known_words(judged.persona, judged.reasons, loaded.book, lang)
    title = "\n" + title.format(persona=persona_words, known=known)
    print_table(title, columns, [*rows, ("=", judged.fit)])
    musts = must_words(judged.persona, judged.reasons, loaded.book, lang)
    _print_titled(said["must"], musts)


def _decision_line(item: dict[str, Any], loaded: Loaded, lang: Lang) -> tuple[Any, ...]:
    book = (
        rulebooks.load(item["rulebook_version"]).book
        if item["rulebook_version"] != loaded.version
        else loaded.book
    )
    if item["verdict"] == "act":
        why = rep_name(msgspec.json.decode(item["reasons"])["rep"], loaded, lang)
    else:
        reasons = msgspec.json.decode(item["reasons"], type=Reasons)
        if reasons.route is not None:
            why = f"→ {route_words(reasons.route, book, lang)}"
        else:
            why = all_missing(reasons.missing, book, lang)
    return (
        item["at"], _stage(item["from_stage"], lang), _stage(item["to_stage"], lang),
        decided_by(item["rule"] or "", book, lang), why or "-", item["rulebook_version"],
    )  # fmt: skip


def _stage(stage: str | None, lang: Lang) -> str | None:
    """Return a stage's name in Japanese; its code is the English word."""
    return stage_name(stage, lang) if stage is not None and lang == "ja" else stage
