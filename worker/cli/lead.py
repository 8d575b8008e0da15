"""`tasuki lead`: one lead, its decisions with their reasons, and whether sales may contact it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from routing_rules.explain import (
    activity_name,
    missing_words,
    persona_name,
    rule_name,
    sentence,
    stage_name,
)  # fmt: skip
from routing_rules.judge import judge
from routing_rules.origins import origins
from routing_rules.outlook import outlook
from routing_rules.outlook_words import fall_words, filtered_words, known_words, must_words
from routing_rules.outreach import CHANNELS
from schemas.base import HOME_ZONE, Lang
from schemas.decision import Reasons
from worker import rulebooks
from worker.cli.bulk import EncodingOption
from worker.cli.call_list import call_list
from worker.cli.common import (
    REFUSED,
    USAGE,
    JsonFlag,
    command,
    console,
    fail,
    language,
    print_json,
    print_table,
)
from worker.cli.lead_explain import explain_decisions, print_held, print_ways
from worker.explaining import explain_now, held_words
from worker.learned import chance_of
from worker.looking import ask_gate, look_at_lead, opportunities
from worker.now import now_ms
from worker.screen import safe
from worker.store import leads, reading
from worker.store.db import transaction

app = typer.Typer(help="One lead: what is known, what was decided and why.", no_args_is_help=True)


def utc(at_ms: int) -> datetime:
    """Return an instant from milliseconds since 1970."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


Who = Annotated[str, typer.Argument(help="Lead number, e-mail address, or the producer's own key.")]


@app.command("show")
@command
def show(who: Who, as_json: JsonFlag = False) -> None:
    """Show a lead: profile, stage, assignment, clocks, newest events.

    Example: tasuki lead show hanako.sato@example.co.jp
    """
    with transaction() as connection:
        lead = look_at_lead(connection, who)
        row = leads.read_lead(connection, lead["lead_id"])
        assert row is not None  # noqa: S101 - it was just found
        lead["nurture"] = held_words(row, rulebooks.current(connection))
    facts = origins(row.state, row.standing, now_ms(), row.account_owner)
    lead["account"] = row.account_key
    lead["facts"] = [
        {"field": one.field, "value": one.value, "source": one.source, "at": utc(one.at_ms)} for one in facts
    ]
    lead["opportunities"] = opportunities(row.state)
    if as_json:
        print_json(lead)
        return
    simple = [(key, value) for key, value in lead.items() if not isinstance(value, list | dict)]
    print_table(f"lead {lead['lead_id']}", ("field", "value"), simple)
    console.print("keys: " + safe(", ".join(f"{kind}={value}" for kind, value in lead["keys"])))
    if lead["nurture"] is not None:
        print_held(lead["nurture"])
    if lead["waiting"]:
        print_table("\nwaiting", tuple(lead["waiting"]), [tuple(lead["waiting"].values())])
    for name in ("facts", "opportunities", "assignments", "clocks", "events"):
        rows = lead[name]
        if rows:
            columns = [key for key in rows[0] if key not in ("lead_id", "rulebook_version")]
            print_table(f"\n{name}", columns, [[row[key] for key in columns] for row in rows])


@app.command("explain")
@command
def explain(
    who: Who,
    lang: Annotated[str, typer.Option(help="ja or en.")] = "en",
    decision: Annotated[
        int | None, typer.Option(help="One decision in full, by its number; 0 for every one.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Explain a lead: the judgement now, and every decision with its reasons and what was missing.

    For example:

      tasuki lead explain hanako.sato@example.co.jp --lang ja

      tasuki lead explain hanako.sato@example.co.jp --decision 0
    """
    words = language(lang)
    if decision is not None:
        explain_decisions(who, decision, words, as_json=as_json)
        return
    with transaction() as connection:
        lead_id = reading.find_lead(connection, who)
        row = leads.read_lead(connection, lead_id)
        history = reading.decisions(connection, lead_id)
        loaded = rulebooks.current(connection)
        assert row is not None  # noqa: S101 - it was just found
        learned = chance_of(connection, row, now_ms())
    judged = judge(row.state, row.standing, loaded.book, now_ms(), row.account_owner)
    falls = outlook(row.state, row.standing, loaded.book, now_ms(), row.account_owner)
    ahead = [(utc(fall.at_ms), fall_words(fall, loaded.book, words, HOME_ZONE)) for fall in falls]
    if as_json:
        for item in history:
            item["reasons"] = msgspec.json.decode(item["reasons"])
            del item["inputs"]
        print_json(
            {"lead_id": lead_id, "lifecycle_stage": row.standing.lifecycle_stage,
             "now": msgspec.to_builtins(judged), "sentence": sentence(judged, loaded.book, words),
             "missing": [missing_words(item, loaded.book, words) for item in judged.reasons.missing],
             "outlook": [{**msgspec.to_builtins(fall), "at": at, "words": told}
                         for fall, (at, told) in zip(falls, ahead, strict=True)],
             "learned": None if learned is None else learned.told(words),
             "table": explain_now(row, loaded, words)["table"], "held": held_words(row, loaded),
             "rulebook_version": loaded.version, "decisions": history}
        )  # fmt: skip
        return
    said = _HEADINGS[words]
    stage = stage_name(row.standing.lifecycle_stage, words)
    console.print(f"[bold]{said['lead']} {lead_id}[/bold]: {safe(stage)}")
    console.print(safe(sentence(judged, loaded.book, words)), soft_wrap=True)
    if learned is not None:
        console.print(safe(learned.line(words)), soft_wrap=True)
    _fit_table(judged, loaded, words)
    parts = [
        (activity_name(kind, loaded.book, words), points)
        for kind, points in judged.reasons.engagement.items()
    ]
    if parts:
        title, *columns = said["engagement"]
        print_table(f"\n{title}", columns, [*parts, ("=", judged.engagement)])
    struck = filtered_words(judged.reasons, loaded.book, words)
    if struck:
        title, *columns = said["left_out"]
        print_table(f"\n{title}", columns, struck)
    if judged.reasons.missing:
        rows = [(missing_words(item, loaded.book, words),) for item in judged.reasons.missing]
        title, column = said["missing"]
        nearest = rule_name(judged.reasons.nearest, loaded.book, words)
        print_table("\n" + title.format(rule=nearest), (column,), rows)
    print_ways(row, loaded, words)
    if ahead:
        title, column = said["ahead"]
        print_table(f"\n{title}", (column,), [(told,) for _, told in ahead])
    title, *columns = said["decisions"]
    print_table(f"\n{title}", columns, [_decision_line(item, loaded, words) for item in history])


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


def _fit_table(judged: Any, loaded: rulebooks.Loaded, lang: Lang) -> None:
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
    if musts:
        title, *columns = said["must"]
        print_table(f"\n{title}", columns, musts)


def _decision_line(item: dict[str, Any], loaded: rulebooks.Loaded, lang: Lang) -> tuple[Any, ...]:
    book = (
        rulebooks.load(item["rulebook_version"]).book
        if item["rulebook_version"] != loaded.version
        else loaded.book
    )
    if item["verdict"] == "act":
        why = msgspec.json.decode(item["reasons"])["rep"]
    else:
        reasons = msgspec.json.decode(item["reasons"], type=Reasons)
        if reasons.route is not None:
            why = f"→ {reasons.route.pool} ({reasons.route.rule})"
        else:
            why = "; ".join(missing_words(one, book, lang) for one in reasons.missing)
    return (
        item["at"], _stage(item["from_stage"], lang), _stage(item["to_stage"], lang),
        rule_name(item["rule"], book, lang), why or "-", item["rulebook_version"],
    )  # fmt: skip


def _stage(stage: str | None, lang: Lang) -> str | None:
    """Return a stage's name in Japanese; its code is the English word."""
    return stage_name(stage, lang) if stage is not None and lang == "ja" else stage


@app.command("gate")
@command
def gate(
    who: Annotated[
        str | None, typer.Argument(help="Lead number, e-mail address, or the producer's own key.")
    ] = None,
    rep: Annotated[str | None, typer.Option(help="The rep who asks; without it, sales as a whole.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only this channel: phone or email.")] = None,
    people: Annotated[
        Path | None,
        typer.Option("--csv", help="A call list: a CSV with a column email, phone, lead_id or ma_id."),
    ] = None,
    out: Annotated[
        str, typer.Option(help="Where the list goes with its verdicts; - for standard output.")
    ] = "-",
    encoding: EncodingOption = None,
    lang: Annotated[str, typer.Option(help="ja or en.")] = "en",
    as_json: JsonFlag = False,
) -> None:
    """May sales contact this person now, and why (not)? Exit 0 yes, 1 no.

    With --csv, every row of a call list is answered, and the exit is 0.

    For example:

      tasuki lead gate hanako.sato@example.co.jp --rep suzuki_haruka --channel phone

      tasuki lead gate --csv calls.csv --out checked.csv --lang ja
    """
    words = language(lang)
    if channel not in (None, *CHANNELS):
        raise fail(f"there is no channel {channel}; there are {', '.join(CHANNELS)}", USAGE)
    if (who is None) == (people is None):
        raise fail("name a person, or a list with --csv; one of the two", USAGE)
    if rep is not None:
        with transaction() as connection:
            rulebooks.require_rep(rep, rulebooks.current(connection).team.reps)
    if people is not None:
        call_list(people, out, encoding=encoding, rep=rep, channel=channel, lang=words, as_json=as_json)
        return
    with transaction() as connection:
        answer = ask_gate(connection, who or "", rep, channel, words)
    by_channel = answer.pop("channel_words")
    if as_json:
        print_json(answer)
    else:
        colour = "green" if answer["may_contact"] else "red"
        console.print(f"[{colour}]{safe(answer['words'])}[/{colour}]", soft_wrap=True)
        for line in by_channel:
            console.print("  " + safe(line), soft_wrap=True)
    if not answer["may_contact"]:
        raise typer.Exit(REFUSED)
