"""From a row of a file to canonical events, or to the field and the reason why not."""

import hashlib
import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from schemas.errors import NotUnderstood
from schemas.event_fields import normal_email
from schemas.lead_event import LeadEvent
from schemas.understanding import MAX_EVENT_BYTES, understand
from worker.bulk.files import Row, as_json
from worker.bulk.headers import CONSENT, ENVELOPE, Columns
from worker.intake import mapped
from worker.intake.adapters.shape import clean, event, money
from worker.intake.mapped import DATED_BY_ARRIVAL
from worker.intake.mapping import Mapping
from worker.intake.times import read_time, serial_day

#: Fields whose words are left out, with a warning, where they are not understood: a lead is worth more than its
#: head count. All others refuse the row.
SOFT: Final = frozenset({
    "employees", "language", "country", "corporate_number", "account_owner", "currency", "company_domain",
    "phone", "postal_code",
})  # fmt: skip
_YES: Final = frozenset("1 true yes y on t ○ ◯ 〇 o 可 有 有り あり はい 許可 許諾 同意 同意する 同意します 希望 希望する 希望します 受け取る 配信可 購読 購読する 済 済み".split())  # fmt: skip
_NO: Final = frozenset("0 false no n off f × ✕ ☓ x 不可 無 無し なし いいえ 拒否 同意しない 希望しない 希望しません 受け取らない 配信不可 停止 未 未同意 -".split())  # fmt: skip
_SERIAL: Final = (
    "{} looks like the number by which Excel keeps {}; give the column a date format in Excel (yyyy-mm-dd hh:mm), and"
    " save the CSV again"
)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for every row of a file."""

    source: str
    #: When what has no time of its own happened.
    at: datetime
    #: Whether `at` was told, and so belongs to the fact: the same list of next year's fair is another.
    at_told: bool = False
    #: What everybody on the list did, such as `event_attended`.
    activity: str | None = None
    campaign: str | None = None
    zone: str = "Asia/Tokyo"
    #: How times are written, as strptime; the usual forms are understood without it.
    time_format: str | None = None


@dataclass(slots=True)
class Made:
    """What one row became: events as documents and as understood, and what is to be said of it."""

    row: Row
    documents: list[dict[str, Any]] = field(default_factory=list)
    events: list[LeadEvent] = field(default_factory=list)
    problems: list[NotUnderstood] = field(default_factory=list)
    warnings: list[NotUnderstood] = field(default_factory=list)

    @property
    def bodies(self) -> list[bytes]:
        """The events as they go onto the road."""
        return [as_json(document) for document in self.documents]


Maker = Callable[[Row], Made]


def by_columns(columns: Columns, defaults: Defaults, received_at: datetime) -> Maker:
    """Return what makes events of rows whose columns are known."""

    def make(row: Row) -> Made:
        made = Made(row)
        if row.problem is not None:
            made.problems.append(row.problem)
            return made
        try:
            documents = _documents(_said(row, columns), defaults)
        except NotUnderstood as problem:
            made.problems.append(_named(problem, columns))
            return made
        for document in documents:
            _check(made, document, received_at)
        made.problems = [_named(one, columns) for one in made.problems]
        made.warnings = [_named(one, columns) for one in made.warnings]
        return made

    return make


def by_mapping(mapping: Mapping, defaults: Defaults, received_at: datetime) -> Maker:
    """Return what makes events of rows by a mapping file: the row is the item, its columns are `$['name']`."""

    def make(row: Row) -> Made:
        made = Made(row)
        if row.problem is not None:
            made.problems.append(row.problem)
            return made
        for found in mapped.translate(row.cells, defaults.source, mapping, defaults.at):
            if isinstance(found, NotUnderstood):
                made.problems.append(found)
            else:
                found.pop("read_back", None)
                _check(made, found, received_at)
        return made

    return make


def as_they_are(source: str, received_at: datetime) -> Maker:
    """Return what takes rows that are canonical events already (JSON Lines); `source` fills in one that is missing."""

    def make(row: Row) -> Made:
        made = Made(row)
        if row.problem is not None:
            made.problems.append(row.problem)
        else:
            _check(made, {"source": source, **row.cells}, received_at)
        return made

    return make


def _check(made: Made, document: dict[str, Any], received_at: datetime) -> None:
    """Understand an event as judging will; a soft field that is not understood is left out and told."""
    for _ in range(len(SOFT) + 1):
        try:
            understood = understand(document, received_at).flat()
            if len(as_json(document)) > MAX_EVENT_BYTES:
                raise NotUnderstood("event", f"larger than {MAX_EVENT_BYTES} bytes; send less of it")
        except NotUnderstood as problem:
            name = problem.place.removeprefix("data.")
            if name not in SOFT or name not in document.get("data", {}):
                made.problems.append(problem)
                return
            made.warnings.append(NotUnderstood(problem.place, f"left out: {problem.mend}"))
            document = {**document, "data": {k: v for k, v in document["data"].items() if k != name}}
        else:
            made.documents.append(document)
            made.events.append(understood)
            return


def _named(problem: NotUnderstood, columns: Columns) -> NotUnderstood:
    """Name the column that a person sees, and not our field."""
    if problem.place == "subject" and problem.mend.startswith("no identity"):
        whom = " / ".join(name for target in ("email", "subject") for name in columns.of.get(target, ()))
        return NotUnderstood(whom, f"names nobody; fill in {whom}")
    target = problem.place.removeprefix("data.")
    names = columns.of.get(target)
    return problem if names is None else NotUnderstood(" / ".join(names), problem.mend)


def _said(row: Row, columns: Columns) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for target, names in columns.of.items():
        word = next((word for name in names if (word := clean(row.cells.get(name))) is not None), None)
        if isinstance(word, dict | list):
            words = "an object or a list; give each of its values a column of its own, or say --mapping"
            raise NotUnderstood(target, words)
        if word is not None:
            said[target] = _text(word)
    return said


def _text(word: Any) -> str:
    """Return a cell as a CSV would hold it, so that a row of Parquet and the same row of a CSV are one."""
    if isinstance(word, float) and word.is_integer():
        word = int(word)
    return json.dumps(word) if isinstance(word, bool) else str(word)


def _documents(said: dict[str, Any], defaults: Defaults) -> list[dict[str, Any]]:
    """Write the events of one row: who it is, and (named apart, so that it counts once) what they did.

    Without an id the content names an event: the same row again, in this file or another, is a repeat.
    """
    envelope: dict[str, Any] = {name: said.pop(name) for name in ENVELOPE if name in said}
    consent = _consent({name: said.pop(name) for name in CONSENT if name in said})
    data: dict[str, Any] = said
    if "amount" in data:
        data["amount"] = money(data["amount"], "data.amount")
    if defaults.campaign is not None:
        data.setdefault("campaign", defaults.campaign)
    if defaults.activity is not None:
        data.setdefault("activity", defaults.activity)
    subject = envelope.get("subject")
    time = _time(envelope.get("time"), defaults)
    own_id, kind = envelope.get("event_id"), envelope.get("type")
    if kind is not None or own_id is not None:
        kind = str(kind or ("lead.activity" if "activity" in data else "lead.captured"))
        return [
            _event(
                kind,
                {**data, **({"consent": consent} if consent else {})},
                subject,
                time,
                defaults,
                own_id,
                envelope,
            )
        ]
    activity = data.pop("activity", None)
    kind = "lead.consent" if consent and not set(data) - {"email"} and activity is None else "lead.captured"
    profile = {**data, **({"consent": consent} if consent else {})}
    found = [_event(kind, profile, subject, time, defaults, None, envelope)]
    if activity is not None:
        who = {"email": data["email"]} if "email" in data else {}
        found.append(
            _event("lead.activity", {**who, "activity": activity}, subject, time, defaults, None, envelope)
        )
    return found


def _time(said: Any, defaults: Defaults) -> str | None:
    try:
        return read_time(said, defaults.zone, defaults.time_format, "time")
    except NotUnderstood as problem:
        day = serial_day(said)
        if day is not None:
            raise NotUnderstood("time", _SERIAL.format(said, day)) from None
        reason, _, _ = problem.mend.partition("; ")
        raise NotUnderstood(
            "time", f'{reason}; write 2026-11-20 09:05, or say how by --time-format "%m/%d/%Y %H:%M"'
        ) from None


def _event(
    kind: str, data: dict[str, Any], subject: Any, time: str | None, defaults: Defaults, own_id: Any,
    envelope: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    source = str(envelope.get("source") or defaults.source)
    at = time or defaults.at.astimezone(UTC).isoformat(timespec="milliseconds")
    made = event(kind, key=str(own_id or ""), source=source, time=at, subject=_subject(subject), data=data)
    if "email" in made["data"]:
        try:
            made["data"]["email"] = normal_email(str(made["data"]["email"]))
        except ValueError as error:
            raise NotUnderstood("data.email", str(error)) from None
    if own_id is None:
        dated = at if time is not None or defaults.at_told else None
        content = [kind, made.get("subject"), dated, made["data"]]
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
        made["id"] = "row-" + hashlib.sha256(unicodedata.normalize("NFKC", text).encode()).hexdigest()[:32]
    if time is None and not defaults.at_told:
        made["dated_by"] = DATED_BY_ARRIVAL
    return made


def _subject(value: Any) -> Any:
    """Return the producer's key: ５３ is 53, and Excel writes 53 as 53.0 where a column once held a gap."""
    if not isinstance(value, str):
        return value
    plain = unicodedata.normalize("NFKC", value)
    said = plain if plain.isascii() else value
    return said.removesuffix(".0") if said.removesuffix(".0").isdecimal() else said


def _consent(said: dict[str, Any]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for name, word in said.items():
        sense, _, channel = name.partition("_")
        plain = unicodedata.normalize("NFKC", str(word)).strip().lower()
        if plain not in _YES and plain not in _NO:
            raise NotUnderstood(name, "neither yes nor no; write ○ or ×, yes or no, 1 or 0")
        allowed = (plain in _YES) == (sense == "consent")
        if sense == "consent" or not allowed:  # "opted out: no" is not a permission
            found[channel] = found.get(channel, True) and allowed
    return found
