"""What the MA platform is told: enrol, move, stop. Written with the decision, once for each change of track.

The stays on tracks are the record of what was told. They are compared with where leads should be, so that a lead
that was held before the address was set is enrolled when it is next looked at, and nothing is ever told twice.
Without TASUKI_MA_URL nothing is read, kept or written.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from routing_rules.compiled import CompiledBook
from routing_rules.explain import rule_name, track_name
from routing_rules.rest import rest_name
from routing_rules.steps import place_on
from worker import rulebooks
from worker.rulebooks import Loaded
from worker.settings import settings
from worker.store import outbox, tracks
from worker.store.tracks import MA

#: lead -> the track on which it should be (None: on none), and why.
Wanted = Mapping[int, tuple[str | None, str]]


def is_on() -> bool:
    """Tell whether there is an MA platform to instruct."""
    return settings().ma_url is not None


def follow_tracks(connection: Connection, wanted: Wanted, loaded: Loaded, now: datetime) -> int:
    """Tell the MA platform of every lead that is not where it was told; return how many instructions were written."""
    if not is_on() or not wanted:
        return 0
    stays = tracks.open_stays(connection, sorted(wanted))
    left, entered = [], []
    for lead_id in sorted(wanted):
        track, why = wanted[lead_id]
        stay = stays.get(lead_id)
        if stay is not None and stay.track != track:
            left.append((stay.stay_id, why))
        if track is not None and (stay is None or stay.track != track):
            entered.append((lead_id, track, why))
    gone = {stay_id for stay_id, _ in left}
    changed = sorted(
        {stay.lead_id for stay in stays.values() if stay.stay_id in gone} | {one[0] for one in entered}
    )
    if not changed:
        return 0
    if left:
        tracks.leave(connection, left, now)
    made = tracks.enter(connection, entered, now) if entered else {}
    tracks.overtake(connection, changed)
    people = tracks.who(connection, changed)
    messages = [
        _message(
            lead_id, stays.get(lead_id), made.get(lead_id), wanted[lead_id][1], people[lead_id], loaded, now
        )
        for lead_id in changed
    ]
    outbox.add(connection, messages, now)
    return len(messages)


def merged_away(connection: Connection, lead_id: int, now: datetime) -> None:
    """Stop the track of a lead that another took in."""
    if is_on():
        follow_tracks(connection, {lead_id: (None, "merged")}, rulebooks.current(connection), now)


def _message(
    lead_id: int, before: Any, stay: Any, why: str, person: tuple[str | None, list[list[str]]], loaded: Loaded,
    now: datetime,
) -> dict[str, Any]:  # fmt: skip
    action = "stop" if stay is None else "enrol" if before is None else "move"
    number = before.stay_id if stay is None else stay.stay_id
    body = {
        "kind": f"track_{action}",
        "lead": {"id": lead_id, "email": person[0], "keys": [{"source": s, "id": i} for s, i in person[1]]},
        "track": None if stay is None else _track(stay.track, loaded.book),
        "from": None if before is None else before.track,
        "because": because(why, loaded.book),
        "resume": None if stay is None else _resume(stay, loaded.book),
        # grows with every change of one lead: whoever has seen a greater one ignores this
        "sequence": 2 * number + (stay is None),
        "at": now.isoformat(),
    }  # fmt: skip
    return {
        "key": f"track:{number}:{'left' if stay is None else 'entered'}", "kind": body["kind"], "channel": "webhook",
        "channel_id": None, "recipient": MA, "receiver": MA, "rep": None, "urgent": False, "route": [],
        "lead": lead_id, "assignment": None, "body": body, "fallback_of": None,
    }  # fmt: skip


def _track(track: str, book: CompiledBook) -> dict[str, Any]:
    return {"id": track, "name": {"ja": track_name(track, book, "ja"), "en": track_name(track, book, "en")}}


def _resume(stay: Any, book: CompiledBook) -> dict[str, Any]:
    """Return where on the track the lead goes on: days spent there before, and the step that this makes."""
    spec = next((one for one in book.source.nurture.tracks if one.id == stay.track), None)
    place = None if spec is None else place_on(spec.steps, int(stay.before_s))
    step = None if place is None else {"id": place.id, "name": place.name.model_dump()}
    return {"days": round(int(stay.before_s) / 86_400, 2), "step": step}


def because(why: str, book: CompiledBook) -> dict[str, str]:
    """Return a reason as code and in words: a rep's, a rule's of rest, or the ready rule's."""
    reason = book.reasons.get(why.partition(".")[2]) if why.startswith(("declined.", "recycled.")) else None
    named = reason.name if reason is not None else rest_name(why, book.source.nurture)
    if named is None and why in _WHY:
        return {"code": why, "ja": _WHY[why][0], "en": _WHY[why][1]}
    if named is None:
        return {"code": why, "ja": rule_name(why, book, "ja"), "en": rule_name(why, book, "en")}
    return {"code": why, "ja": named.ja, "en": named.en}


_WHY: Final = {
    "chosen": ("育成トラックの条件に合致", "meets the track's condition"),
    "dormant": ("長期間動きなし", "no activity for long"),
    "merged": ("同一人物のリードに統合", "one person with another lead"),
    "consent_withdrawn": ("連絡の許可を取り消し", "permission withdrawn"),
    "outcome.sql": ("商談化", "opportunity opened"),
    "outcome.won": ("受注", "won"),
    "outcome.lost": ("失注", "lost"),
}


def wanted_of(
    rows: Sequence[tuple[int, Any]], *, only_ends: bool = False
) -> dict[int, tuple[str | None, str]]:
    """Return for judged leads, given as (lead, judgement), the track on which each should be, and why.

    With `only_ends` leads that belong on a track are left out: history may stop what runs, and begins nothing.
    """
    return {
        lead_id: (
            verdict.track if verdict.lifecycle_stage in ("inquiry", "nurture") else None,
            verdict.reasons.rule or "chosen",
        )
        for lead_id, verdict in rows
        if not only_ends or verdict.lifecycle_stage not in ("inquiry", "nurture") or verdict.track is None
    }
