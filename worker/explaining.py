"""Decisions explained: each in a sentence and a table, worded when read from what was stored when it was made."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from routing_rules.breakdown import Row, breakdown, breakdown_of_record, section_name
from routing_rules.coming import InLine, Next, next_words, what_comes
from routing_rules.explain import (
    decided_by,
    missing_words,
    sentence,
    sentence_of_record,
    stage_name,
    track_name,
)
from routing_rules.judge import judge
from routing_rules.nearest import smallest_changes
from routing_rules.nearest_words import short_words, way_words
from schemas.base import HOME_ZONE, Lang
from schemas.decision import Judgement, Reasons, Way
from schemas.lead import WITH_MARKETING
from worker import rulebooks
from worker.judged_rows import next_look
from worker.now import now_ms
from worker.replaying import inputs_of
from worker.rulebooks import Loaded
from worker.store import leads, reading
from worker.store.leads import LeadRow
from worker.store.rows import ms


def zone_of(loaded: Loaded) -> ZoneInfo:
    """Return the clock on which times are told: that of `outreach`, else Tokyo's."""
    spec = loaded.book.source.nurture.outreach
    return HOME_ZONE if spec is None else ZoneInfo(spec.zone)


def _coming(
    row: LeadRow, judged: Judgement, loaded: Loaded, at_ms: int, in_line: InLine | None = None
) -> list[Next]:
    """Return what comes next of a lead; it is looked at when its row says so, which may be sooner than needed."""
    seen = msgspec.structs.replace(judged, review_at_ms=next_look(row, judged, at_ms))
    return what_comes(seen, row.state, row.standing, loaded.book, at_ms, row.account_owner, in_line)


def held_words(row: LeadRow, loaded: Loaded) -> dict[str, Any] | None:
    """Return what a held lead carries: its track, what is missing in words, and what comes next; None if not held."""
    if row.standing.lifecycle_stage not in WITH_MARKETING:
        return None
    at = now_ms()
    judged = judge(row.state, row.standing, loaded.book, at, row.account_owner)
    ways = smallest_changes(row.state, row.standing, loaded.book, at, row.account_owner)
    coming = _coming(row, judged, loaded, at)
    book, zone = loaded.book, zone_of(loaded)

    def both(words: Any) -> dict[str, str]:
        return {"ja": words("ja"), "en": words("en")}

    return {
        "track": row.standing.track,
        "track_name": None if row.standing.track is None else both(lambda lang: track_name(row.standing.track, book, lang)),
        "recycle_count": row.standing.recycle_count,
        "needs": both(lambda lang: short_words(ways, book, lang)),
        "missing": [both(lambda lang, one=one: missing_words(one, book, lang)) for one in judged.reasons.missing],
        "ways": [
            {**msgspec.to_builtins(way), **both(lambda lang, way=way: way_words(way, book, lang))} for way in ways
        ],
        "next": [
            {"what": one.what, "at_ms": one.at_ms, **both(lambda lang, one=one: next_words(one, book, lang, zone))}
            for one in coming
        ],
    }  # fmt: skip


def explain_now(row: LeadRow, loaded: Loaded, lang: Lang, in_line: InLine | None = None) -> dict[str, Any]:
    """Return the judgement of this moment in a sentence and a table.

    Args:
        row: the lead.
        loaded: the rulebook in force.
        lang: the reader's language.
        in_line: where it waits for a rep, if it does; see `line_of`.

    """
    at = now_ms()
    judged = judge(row.state, row.standing, loaded.book, at, row.account_owner)
    ways = smallest_changes(row.state, row.standing, loaded.book, at, row.account_owner)
    coming = _coming(row, judged, loaded, at, in_line)
    return {"sentence": sentence(judged, loaded.book, lang), **_table(judged, ways, coming, loaded, lang)}


def explain_decision(item: dict[str, Any], loaded: Loaded, lang: Lang) -> dict[str, Any]:
    """Return one decision of the record in a sentence and a table.

    What is not on record is computed again. Where that comes out otherwise, as another version of Tasuki judged
    then, only the record is told: today's points beside the reasons of that day would explain neither.

    Args:
        item: a row of `reading.decisions`.
        loaded: the rulebook of the decision.
        lang: the reader's language.

    """
    head = {
        "decision_id": item["decision_id"], "at": item["at"], "verdict": item["verdict"],
        "from_stage": item["from_stage"], "to_stage": item["to_stage"], "rule": item["rule"],
        "rulebook_version": item["rulebook_version"],
    }  # fmt: skip
    if item["verdict"] == "act":
        return {**head, "sentence": _act(item, loaded, lang), "table": [], "ways": []}
    state, standing, book, at, owner = inputs_of(item["inputs"], loaded)
    judged = judge(state, standing, book, at, owner)
    again = (judged.verdict, judged.lifecycle_stage, msgspec.json.encode(judged.reasons).decode())
    if again != (item["verdict"], item["to_stage"], item["reasons"]):
        made = _as_recorded(item, judged)
        rows = breakdown_of_record(made, book, lang)
        told = sentence_of_record(made, book, lang)
        return {**head, "sentence": told, "table": [_row(row, lang) for row in rows], "ways": []}
    ways = smallest_changes(state, standing, book, at, owner)
    coming = what_comes(judged, state, standing, book, at, owner)
    return {**head, "sentence": sentence(judged, book, lang), **_table(judged, ways, coming, loaded, lang)}


def line_of(connection: Connection, lead_id: int) -> InLine | None:
    """Return why a lead waits in a pool's line, and until when; None where it is in none."""
    row = reading.waiting(connection, lead_id)
    return None if row is None else InLine(row["reason"], ms(row["look_again_at"]))


def _as_recorded(item: dict[str, Any], again: Judgement) -> Judgement:
    reasons = msgspec.json.decode(item["reasons"], type=Reasons)
    points = max(0.0, round(sum(reasons.engagement.values()), 2))
    return msgspec.structs.replace(
        again, verdict=item["verdict"], lifecycle_stage=item["to_stage"], engagement=points, track=None,
        reasons=reasons,
    )  # fmt: skip


def _table(
    judged: Judgement, ways: list[Way], coming: list[Next], loaded: Loaded, lang: Lang
) -> dict[str, Any]:
    rows = breakdown(judged, ways, coming, loaded.book, lang, zone_of(loaded))
    return {"table": [_row(row, lang) for row in rows], "ways": msgspec.to_builtins(ways)}


def _row(row: Row, lang: Lang) -> dict[str, Any]:
    return {
        "section": row.section,
        "heading": section_name(row.section, lang),
        "what": row.what,
        "points": row.points,
    }


def _act(item: dict[str, Any], loaded: Loaded, lang: Lang) -> str:
    """Say a rep's act: who, what, and where the lead went."""
    told = msgspec.json.decode(item["reasons"])
    who = rep_name(told.get("rep", "-"), loaded, lang)
    did = decided_by(msgspec.json.decode(item["inputs"]).get("act", item["rule"] or ""), loaded.book, lang)
    stage = stage_name(item["to_stage"], lang)
    return f"{who}: {did}。現在: {stage}。" if lang == "ja" else f"{who}: {did}. Now: {stage}."


def rep_name(rep_id: str, loaded: Loaded, lang: Lang) -> str:
    """Return a rep's name; who is no longer in the team is told by their id."""
    rep = loaded.team.reps.get(rep_id)
    return rep_id if rep is None else str(rep.spec.name.say(lang))


def rep_with_id(rep_id: str, loaded: Loaded, lang: Lang) -> str:
    """Return a rep's name with the id by which commands know them."""
    name = rep_name(rep_id, loaded, lang)
    if name == rep_id:
        return rep_id
    return f"{name}（{rep_id}）" if lang == "ja" else f"{name} ({rep_id})"


def explain_lead(connection: Connection, who: str, lang: Lang) -> dict[str, Any]:
    """Return a lead's judgement of this moment and every decision on it, each in a sentence and a table.

    Raises:
        Refused: none, or more than one, is known as `who`.

    """
    lead_id = reading.find_lead(connection, who)
    row = leads.read_lead(connection, lead_id)
    if row is None:
        raise reading.unknown_lead(who)
    loaded = rulebooks.current(connection)
    return {
        "lead_id": lead_id, "lifecycle_stage": row.standing.lifecycle_stage, "rulebook_version": loaded.version,
        "now": explain_now(row, loaded, lang, line_of(connection, lead_id)), "held": held_words(row, loaded),
        "decisions": [
            explain_decision(item, rulebooks.load(item["rulebook_version"]), lang)
            for item in reading.decisions(connection, lead_id)
        ],
    }  # fmt: skip
