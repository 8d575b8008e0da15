"""A call list: a CSV of people goes in, and comes out with the gate's verdict on each row.

A row names its person by e-mail address, lead number, the producer's own key or phone; several of them must agree.
"""

import csv
import io
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from routing_rules.outreach import Outreach
from routing_rules.outreach_words import answer_words, reason_words
from schemas.base import Lang
from schemas.errors import Refused
from schemas.event_fields import normal_email
from worker.bulk.encodings import detect, told
from worker.bulk.files import csv_rows, open_table
from worker.finding import e164
from worker.outreach import Asked, ask_all
from worker.store import outreach as store

#: Rows asked about in one set of statements.
BATCH: Final = 5_000
#: Columns that are added; a list that comes back with them has them replaced.
ADDED: Final = (
    "tasuki_lead_id",
    "tasuki_verdict",
    "tasuki_reasons",
    "tasuki_channels",
    "tasuki_from",
    "tasuki_words",
)
#: Headers by which a column is known, in small letters, half width, without blanks, - and _.
_HEADERS: Final = {
    "email": ("email", "mail", "emailaddress", "mailaddress", "メール", "メールアドレス", "eメール"),
    "lead": ("lead", "leadid", "leadnumber", "tasukileadid", "リード番号", "リードid"),
    "ma": ("maid", "subject", "key", "contactid", "externalid", "お客様番号"),
    "phone": ("phone", "tel", "telephone", "phonenumber", "mobile", "電話", "電話番号", "携帯", "携帯電話"),
}  # fmt: skip
#: The end of a number, by which two writings of it are found to be worth comparing.
_TAIL: Final = 8


@dataclass(slots=True)
class CallList:
    """A list as it was read."""

    header: list[str]
    rows: list[list[str]]
    encoding: str
    delimiter: str
    #: what a column says -> its place
    columns: dict[str, int] = field(default_factory=dict)

    def said(self, row: Sequence[str], what: str) -> str:
        """Return what a row says in a column that was found, or nothing."""
        place = self.columns.get(what)
        return "" if place is None or place >= len(row) else row[place].strip()


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of a list."""

    rows: int
    yes: int
    no: int
    unknown: int


def read(path: Path, encoding: str | None = None) -> CallList:
    """Read a list as `tasuki import` reads one: encoding and separator are found out, or the encoding is told.

    Raises:
        Refused: with the place and the mend.

    """
    written = detect(path)[0] if encoding is None else told(encoding)
    table = open_table(path, written, delimiter=None)
    found = CallList(table.columns, [], written.codec, table.delimiter)
    for row in csv_rows(path, written, table):
        if row.problem is not None:
            raise Refused(f"{path.name} line {row.line}: {row.problem.mend}")
        found.rows.append(row.raw)
    for place, name in enumerate(found.header):
        what = _meaning(name)
        if what is not None:
            found.columns.setdefault(what, place)
    if not found.columns:
        raise Refused(
            "no column says who is meant; name one of them email, phone, lead_id or ma_id"
            f" (there are {', '.join(found.header[:12])})"
        )
    return found


def _meaning(name: str) -> str | None:
    plain = unicodedata.normalize("NFKC", name).casefold()
    plain = "".join(letter for letter in plain if letter.isalnum() or letter == "ー")
    return next((what for what, names in _HEADERS.items() if plain in names), None)


def answer(connection: Connection, people: CallList, question: Asked, lang: Lang) -> tuple[bytes, Counted]:
    """Return the list with a verdict on each row, in the encoding in which it came."""
    meant = _meant(connection, people)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=people.delimiter, lineterminator="\r\n")
    kept = [place for place, name in enumerate(people.header) if name not in ADDED]
    writer.writerow([*(people.header[place] for place in kept), *ADDED])
    counts = {"yes": 0, "no": 0, "unknown": 0}
    for start in range(0, len(people.rows), BATCH):
        part = range(start, min(start + BATCH, len(people.rows)))
        answers = ask_all(connection, [who for at in part if isinstance(who := meant[at], int)], question)
        for at in part:
            cells = _cells(meant[at], answers, question, lang)
            counts[cells[1]] += 1
            row = people.rows[at]
            writer.writerow([*(row[place] if place < len(row) else "" for place in kept), *cells])
    raw = out.getvalue().encode(people.encoding, "replace")
    return raw, Counted(len(people.rows), counts["yes"], counts["no"], counts["unknown"])


def _cells(who: int | str, answers: Mapping[int, Outreach], question: Asked, lang: Lang) -> list[str]:
    if isinstance(who, str) or who not in answers:
        code = who if isinstance(who, str) else "unknown_person"
        return ["", "unknown", code, "", "", reason_words(code, lang)]
    said = answers[who]
    at = "" if said.from_ms is None else _local(said.from_ms, question)
    words = answer_words(said, lang, question.zone)
    verdict = "yes" if said.may_contact else "no"
    return [str(who), verdict, " ".join(said.reasons), " ".join(said.channels), at, words]


def _local(at_ms: int, question: Asked) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, question.zone).isoformat(timespec="minutes")


def _meant(connection: Connection, people: CallList) -> list[int | str]:
    """Return for each row the lead that it means, or why none is known."""
    found: list[set[int]] = [set() for _ in people.rows]
    kinds = store.ma_kinds(connection) if "ma" in people.columns else []
    for start in range(0, len(people.rows), BATCH):
        _by_keys(connection, people, range(start, min(start + BATCH, len(people.rows))), kinds, found)
    silent = [at for at, row in enumerate(people.rows) if not found[at] and people.said(row, "phone")]
    if silent:
        _by_phone(connection, people, silent, found)
    said = [any(people.said(row, what) for what in _HEADERS) for row in people.rows]
    return [_one(ids, named) for ids, named in zip(found, said, strict=True)]


def _one(ids: set[int], named: bool) -> int | str:
    if len(ids) == 1:
        return next(iter(ids))
    if ids:
        return "several_people"
    return "unknown_person" if named else "nothing_to_find_by"


def _by_keys(
    connection: Connection, people: CallList, part: range, kinds: Sequence[str], found: list[set[int]]
) -> None:
    wanted: list[tuple[int, str, str]] = []
    numbers: dict[int, list[int]] = defaultdict(list)
    for at in part:
        row = people.rows[at]
        if address := _address(people.said(row, "email")):
            wanted.append((at, "email", address))
        if key := people.said(row, "ma"):
            wanted += [(at, kind, key) for kind in kinds]
        number = people.said(row, "lead")
        if number.isascii() and number.isdigit() and len(number) < 19:  # noqa: PLR2004 - a bigint
            numbers[int(number)].append(at)
    for at, lead_id in store.by_keys(connection, wanted) if wanted else ():
        found[at].add(lead_id)
    for number_, lead_id in (store.by_numbers(connection, numbers) if numbers else {}).items():
        for at in numbers[number_]:
            found[at].add(lead_id)


def _address(text: str) -> str | None:
    try:
        return normal_email(text) if text else None
    except ValueError:
        return None


def _by_phone(connection: Connection, people: CallList, rows: Sequence[int], found: list[set[int]]) -> None:
    """Find rows by their phone: only numbers that end alike are compared as numbers."""
    asked: dict[str, list[int]] = defaultdict(list)
    for at in rows:
        number = e164(people.said(people.rows[at], "phone"), None)
        if number is not None:
            asked[number].append(at)
    tails = {number[-_TAIL:] for number in asked}
    for lead in _ending(store.phones(connection), tails):
        for at in asked.get(e164(lead.phone, lead.country) or "", ()):
            found[at].add(lead.lead_id)


def _ending(leads: Iterator[Any], tails: set[str]) -> Iterator[Any]:
    for lead in leads:
        digits = "".join(filter(str.isdigit, unicodedata.normalize("NFKC", lead.phone or "")))
        if digits[-_TAIL:] in tails:
            yield lead
