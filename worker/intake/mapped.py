"""Payloads that no adapter knows, read by a declarative mapping: for tools that ops connect without code."""

import hashlib
import json
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.errors import NotUnderstood
from worker.intake.adapters.shape import Found, clean, event, is_yes, key, money, own_key
from worker.intake.adapters.words import kind_of_form, kind_of_page, slug
from worker.intake.mapping import Mapping, Pick, Rule, Test
from worker.intake.paths import as_text, compile_path
from worker.intake.times import read_time

#: Most items of one payload (`shape.MAX_PARTS`), and most characters of a value that is compared.
MAX_ITEMS = 5_000
#: The mark of an event that is dated by its arrival: its repeat arrives later and is the same event.
DATED_BY_ARRIVAL = "arrival"


@dataclass(frozen=True, slots=True)
class _At:
    """Where a path may begin: at an item, or at the whole payload."""

    item: Any
    root: Any


def translate(document: Any, source: str, mapping: Mapping, received_at: datetime | None) -> Found:
    """Return what a mapping makes of a payload; an item that is not understood leaves its neighbours alone."""
    found: Found = []
    for index, item in enumerate(_items(document, mapping)):
        for one in _item(_At(item, document), source, mapping, received_at):
            if isinstance(one, NotUnderstood) and mapping.each is not None:
                found.append(NotUnderstood(f"[{index}] {one.place}", one.mend))
            else:
                found.append(one)
    return found


def _items(document: Any, mapping: Mapping) -> list[Any]:
    if mapping.each is None:
        return [document]
    items = _find(mapping.each, _At(document, document))
    if not items:
        raise NotUnderstood(mapping.each, "nothing stands there; mend `each` in the mapping")
    if len(items) > MAX_ITEMS:
        raise NotUnderstood(mapping.each, f"{len(items)} events; at most {MAX_ITEMS} are taken")
    return items


def _item(at: _At, source: str, mapping: Mapping, received_at: datetime | None) -> Found:
    try:
        if any(_holds(test, at) for test in mapping.ignore):
            return []
        rules = [rule for rule in mapping.rules if all(_holds(test, at) for test in rule.when)]
    except NotUnderstood as problem:
        return [problem]
    if not rules and mapping.otherwise == "quarantine":
        return [NotUnderstood("rules", "no rule of the mapping takes this; add one, or to `ignore`")]
    found: Found = []
    for rule in rules:
        try:
            found.append(_event(rule, at, source, mapping, received_at))
        except NotUnderstood as problem:
            found.append(NotUnderstood(f"{rule.name}: {problem.place}", problem.mend))
    return found


def _event(
    rule: Rule, at: _At, source: str, mapping: Mapping, received_at: datetime | None
) -> dict[str, Any]:
    data = {name: word for name, pick in rule.data.items() if (word := _pick(pick, at)) is not None}
    consent = {
        channel: is_yes(word)
        for channel, pick in rule.consent.items()
        if (word := _pick(pick, at)) is not None
    }
    if consent:
        data["consent"] = consent
    subject = None if rule.subject is None else _pick(rule.subject, at)
    when, is_arrival = _time(rule, at, mapping), False
    if when is None:
        if received_at is None:
            raise NotUnderstood("time", "missing; name it in the mapping")
        when, is_arrival = received_at.astimezone(UTC).isoformat(timespec="milliseconds"), True
    made = _id(rule, at, received_at if is_arrival and rule.again == "daily" else None, mapping.zone)
    result = event(rule.type, key=made, source=source, time=when, subject=subject, data=data)
    if is_arrival:
        result["dated_by"] = DATED_BY_ARRIVAL
    return result


def _time(rule: Rule, at: _At, mapping: Mapping) -> str | None:
    if rule.time is None:
        return None
    value = next((one for one in _find(rule.time.path, at) if clean(one) is not None), None)
    return read_time(value, rule.time.zone or mapping.zone, rule.time.format, rule.time.path)


def _id(rule: Rule, at: _At, on_day_of: datetime | None, zone: str) -> str:
    """Name the event by the platform's id, or by its content where it gives none."""
    if rule.id is not None:
        parts = []
        for text in rule.id:
            said = next((own_key(one) for one in _find(text, at) if own_key(one)), None)
            if said is None:
                raise NotUnderstood(text, "missing; it names the event, so that a repeat counts once")
            parts.append(said)
        return key(rule.name, *parts)
    day = [] if on_day_of is None else [on_day_of.astimezone(ZoneInfo(zone)).date().isoformat()]
    return key(rule.name, "content", content_key(at.item, rule.without), *day)


def content_key(item: Any, without: list[str]) -> str:
    """Return a hash of what an item says: without volatile places, empty values, outer spaces and widths."""
    skipped = {plain for text in without if (plain := compile_path(text).plain) is not None}
    text = json.dumps(_normal(item, skipped, ()), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _normal(value: Any, skipped: set[tuple[str | int, ...]], here: tuple[str | int, ...]) -> Any:
    if isinstance(value, dict):
        made = {
            name: _normal(one, skipped, (*here, name))
            for name, one in value.items()
            if (*here, name) not in skipped
        }
        return {name: one for name, one in made.items() if one not in (None, "", {}, [])}
    if isinstance(value, list):
        kept = [(index, one) for index, one in enumerate(value) if (*here, index) not in skipped]
        return [_normal(one, skipped, (*here, index)) for index, one in kept]
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFKC", value).split())
    return value


def _holds(test: Test, at: _At) -> bool:
    found = [one for one in _find(test.path, at) if clean(one) is not None]
    if test.one_of is None:
        return bool(found) == test.exists
    wanted = {_word(one) for one in test.one_of}
    return any(_word(one) in wanted for one in found)


def _find(text: str, at: _At) -> list[Any]:
    path = compile_path(text)
    try:
        return path.find(at.root if path.from_root else at.item)
    except ValueError as error:
        raise NotUnderstood(text, str(error)) from None


def _word(value: Any) -> str:
    return " ".join(unicodedata.normalize("NFKC", as_text(value)).split())


def _pick(pick: Pick, at: _At) -> Any:
    """Return one value, in the words of the canonical event; None where nothing is said."""
    if pick.value is not None:
        return pick.value
    place = pick.path or (pick.paths or [""])[0]
    found: Any = None
    for text in [pick.path] if pick.path is not None else pick.paths or []:
        said = [one for one in _find(text, at) if clean(one) is not None and not isinstance(one, dict | list)]
        if said:
            found = said[0] if pick.join is None else pick.join.join(as_text(one) for one in said)
            break
    if found is None:
        return pick.default
    if pick.values is not None:
        known = {_word(word): ours for word, ours in pick.values.items()}
        found = known.get(_word(found), pick.otherwise)
        if found is None:
            raise NotUnderstood(place, "a word that `values` does not know; add it, or `otherwise`")
        return found
    return _read_as(pick, found, place)


def _read_as(pick: Pick, value: Any, place: str) -> Any:
    if pick.read_as == "money":
        return money(value, place)
    if pick.read_as == "yes_no":
        return is_yes(value)
    if pick.read_as == "form":
        return kind_of_form(as_text(value))
    if pick.read_as == "page":
        return kind_of_page(as_text(value))
    if pick.read_as == "activity":
        return slug(as_text(value)) or pick.otherwise or "other"
    return value
