"""What became of each line: counts for the screen, a report file, and the refused lines as a CSV to be mended."""

import csv
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Self

from schemas.errors import NotUnderstood, Refused
from worker.bulk.files import as_json
from worker.bulk.headers import REJECT_COLUMNS
from worker.bulk.rows import Made

#: `new`: a lead that nobody knows. `known`: it meets a lead that is there. `repeat`: was imported before, no effect.
#: `duplicate`: stands in the file before, no effect. `refused`: not imported.
Verdict = Literal["new", "known", "repeat", "duplicate", "refused"]
VERDICTS: Final[tuple[Verdict, ...]] = ("new", "known", "repeat", "duplicate", "refused")
_REPORT: Final = ("line", "verdict", "field", "reason", "mend", "lead", "event", "subject", "email")
_FORMULA: Final = frozenset("=+-@\t\r")
_NUMBER: Final = re.compile(r"[+-]?[0-9][0-9 ().,-]*")
#: Lines that the screen shows; the report file holds all.
SHOWN: Final = 20


@dataclass(slots=True)
class Line:
    """What is said of one line."""

    line: int
    verdict: Verdict
    place: str = ""
    reason: str = ""
    mend: str = ""


@dataclass(slots=True)
class Tally:
    """What a whole file came to."""

    lines: Counter[Verdict] = field(default_factory=Counter)
    #: Lines of which a field was left out.
    warned: int = 0
    events: int = 0
    #: Lines about a person of whom an earlier line of the file tells otherwise.
    same_person: int = 0
    #: Refused lines and warnings by place and reason.
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    shown: list[Line] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many lines were read."""
        return self.lines.total()

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "lines": self.rows, **{name: self.lines[name] for name in VERDICTS}, "with_warnings": self.warned,
            "same_person": self.same_person, "events": self.events,
            "reasons": [{"field": place, "reason": why, "lines": n} for (place, why), n in self.reasons.most_common(50)],
            "first": [{"line": one.line, "verdict": one.verdict, "field": one.place, "reason": one.reason, "mend": one.mend} for one in self.shown],
        }  # fmt: skip


def parted(problem: NotUnderstood) -> tuple[str, str]:
    """Return what is wrong, and what would be right."""
    reason, _, mend = problem.mend.partition("; ")
    return reason, mend


def _shown(text: str) -> str:
    """Return a foreign word so that no program takes it for a formula; numbers stay as they are."""
    return f"'{text}" if text[:1] in _FORMULA and not _NUMBER.fullmatch(text) else text


def _cell(value: Any) -> str:
    """Return a cell of a refused line as it stands, to be imported again; what a CSV has no word for is JSON."""
    return value if isinstance(value, str) else as_json(value).decode()


class Report:
    """Counts lines, and writes the report and the rejects where they are asked for.

    Both files are UTF-8 with a mark, which Excel opens as it should.
    """

    def __init__(self, columns: list[str], report: Path | None, rejects: Path | None) -> None:
        """Write nothing yet: the file of rejects is made with its first line."""
        self.tally = Tally()
        self.rejects_path = rejects
        self._columns = columns
        self._report = _Csv(report, list(_REPORT))
        own = [name for name in columns if name not in REJECT_COLUMNS]
        self._rejects = _Csv(rejects, [*own, *REJECT_COLUMNS], lazy=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._report.close()
        self._rejects.close()

    def say(self, made: Made, verdict: Verdict, lead_id: int | None, *, same_person: bool = False) -> None:
        """Note what became of one line."""
        tally = self.tally
        tally.lines[verdict] += 1
        tally.events += len(made.events)
        tally.same_person += same_person
        tally.warned += bool(made.warnings)
        for problem in [*made.problems, *made.warnings]:
            reason, mend = parted(problem)
            tally.reasons[problem.place, reason] += 1
            if len(tally.shown) < SHOWN:
                kind: Verdict = verdict if problem in made.warnings else "refused"
                tally.shown.append(Line(made.row.line, kind, problem.place, reason, mend))
            self._report.write([made.row.line, verdict, _shown(problem.place), reason, mend])
        for event in made.events:
            emails = [value for kind, value in event.keys if kind == "email"]
            subjects = [value for kind, value in event.keys if kind.startswith("ma:")]
            said = [_shown(one) for one in ([*subjects, ""][0], [*emails, ""][0])]
            self._report.write([made.row.line, verdict, "", "", "", lead_id or "", event.type, *said])
        if made.problems:
            self._reject(made)

    def _reject(self, made: Made) -> None:
        reason, mend = parted(made.problems[0])
        cells = dict(zip(self._columns, made.row.raw, strict=False)) if made.row.raw else made.row.cells
        if made.row.problem is not None:
            cells = {}  # which cell belongs to which column is not known: it is to be mended in the file itself
        own = [_cell(cells.get(name, "")) for name in self._columns if name not in REJECT_COLUMNS]
        self._rejects.write([*own, made.row.line, made.problems[0].place, reason, mend])


class _Csv:
    """A CSV that is written line by line, or nowhere."""

    def __init__(self, path: Path | None, header: list[str], *, lazy: bool = False) -> None:
        self._path, self._header = path, header
        self._file: Any = None
        self._writer: Any = None
        if path is not None and not lazy:
            self._open(path)

    def _open(self, path: Path) -> None:
        try:
            self._file = path.open("w", encoding="utf-8-sig", newline="")
        except OSError as error:
            raise Refused(f"{path}: {error.strerror}") from None
        self._writer = csv.writer(self._file)
        self._writer.writerow(self._header)

    def write(self, cells: list[Any]) -> None:
        if self._path is None:
            return
        if self._writer is None:
            self._open(self._path)
        self._writer.writerow(cells)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
