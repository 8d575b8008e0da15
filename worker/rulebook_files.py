"""Rule files from a folder or from the database: read, checked, and every problem told with its place."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import holidays as public_holidays
from pydantic import BaseModel, ValidationError

from routing_rules.examples import run_examples
from routing_rules.lint import lint, warnings
from schemas.errors import Finding, RulebookError
from schemas.rulebook.book import FILES, Rulebook
from worker import rulebook_words, rulebook_yaml

#: The complete example that Tasuki starts with.
EXAMPLE: Final = Path(__file__).parent.parent / "routing_rules" / "rulebook"
#: The names of the rule files, in reading order.
NAMES: Final = tuple(f"{stem}.yaml" for stem in FILES)

_Places = dict[str, rulebook_yaml.Positions]


def read_texts(folder: Path) -> dict[str, str]:
    """Read the rule files of a folder: file name -> text.

    Raises:
        RulebookError: the folder or a file cannot be read, is missing or is none of ours.

    """
    if not folder.is_dir():
        words = "is not a folder; give the one that holds persona.yaml"
        raise RulebookError([Finding(str(folder), (), words)])
    texts: dict[str, str] = {}
    findings: list[Finding] = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in (".yaml", ".yml") or path.name.startswith("."):
            continue
        try:
            if path.stat().st_size > rulebook_yaml.MAX_BYTES:
                findings.append(Finding(path.name, (), f"is larger than {rulebook_yaml.MAX_BYTES} bytes"))
                continue
            texts[path.name] = rulebook_yaml.canonical(path.read_bytes().decode())
        except OSError as error:
            findings.append(Finding(path.name, (), f"cannot be read: {error.strerror}"))
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            column = error.start - error.object.rfind(b"\n", 0, error.start)
            findings.append(Finding(path.name, (), "is not UTF-8; save it as UTF-8", line, column))
    unread = {finding.file for finding in findings}
    findings += [finding for finding in _names(texts) if finding.file not in unread]
    if findings:
        raise RulebookError(findings)
    return texts


def parse(texts: Mapping[str, str]) -> Rulebook:
    """Make a rulebook of its files' texts, without lint and examples.

    Raises:
        RulebookError: with every problem of every file.

    """
    return _parse(texts)[0]


def check(texts: Mapping[str, str], now_ms: int) -> tuple[Rulebook, list[Finding]]:
    """Make a rulebook and prove that it can be published; return it with the warnings.

    Args:
        texts: file name -> text.
        now_ms: the instant that `days_ago` in examples counts from.

    Raises:
        RulebookError: with every problem of every file.

    """
    book, places = _parse(texts)
    year = datetime.fromtimestamp(now_ms / 1000, UTC).year
    findings = lint(book)
    closed: dict[str, frozenset[date]] = {}
    try:
        closed = holidays_for(book, _years(book, year))
    except RulebookError as error:
        findings += error.findings
    if not findings:
        findings = run_examples(book, now_ms, closed)
    if findings:
        raise RulebookError(_placed(findings, places))
    return book, _placed(warnings(book), places)


def placed(findings: list[Finding], texts: Mapping[str, str]) -> list[Finding]:
    """Give findings of texts that can be read their line and column."""
    files = {one.file for one in findings}
    return _placed(findings, {name: rulebook_yaml.read(name, texts[name]).positions for name in files})


def digest(texts: Mapping[str, str]) -> str:
    """Return the SHA-256 of the names and texts, whatever their order and line ends."""
    canonical = sorted((name, rulebook_yaml.canonical(text)) for name, text in texts.items())
    return hashlib.sha256(json.dumps(canonical).encode()).hexdigest()


def holidays_for(book: Rulebook, years: Iterable[int]) -> dict[str, frozenset[date]]:
    """Return the public holidays, substitutes included, of every code that a calendar names.

    Raises:
        RulebookError: when a code names no country or subdivision that the library knows.

    """
    span = sorted(set(years))
    known: dict[str, frozenset[date]] = {}
    findings: list[Finding] = []
    for index, calendar in enumerate(book.team.calendars):
        for place, code in enumerate(calendar.holidays):
            if code in known:
                continue
            country, _, subdivision = code.partition("-")
            try:
                days = public_holidays.country_holidays(country, subdiv=subdivision or None, years=span)
            except NotImplementedError:
                path = ("calendars", index, "holidays", place)
                words = f"no public holidays are known for {code}; write one such as JP, US, US-CA or GB-ENG"
                findings.append(Finding("team.yaml", path, words))
                continue
            known[code] = frozenset(days)
    if findings:
        raise RulebookError(findings)
    return known


def _years(book: Rulebook, year: int) -> range:
    """Return the years that examples speak of, and those around `year`."""
    spoken = [example.at.year for example in book.team.examples]
    spoken += [example.at.year for example in book.sla.examples]
    near = [spoke for spoke in spoken if abs(spoke - year) <= 50]  # noqa: PLR2004 - a lifetime of work
    return range(min([year, *near]) - 1, max([year, *near]) + 3)


def _names(names: Iterable[str]) -> list[Finding]:
    """Find files that are missing and files that are none of ours."""
    given = set(names)
    findings = []
    for name in sorted(given - set(NAMES)):
        near = get_close_matches(name, NAMES, n=1)
        mend = f"; did you mean {near[0]}?" if near else f"; a rulebook is {', '.join(NAMES)}"
        findings.append(Finding(name, (), f"is no file of a rulebook{mend}"))
    missing = [name for name in NAMES if name not in given]
    return findings + [Finding(name, (), "is missing; the eight files come together") for name in missing]


def _parse(texts: Mapping[str, str]) -> tuple[Rulebook, _Places]:
    findings = _names(texts)
    files: dict[str, BaseModel] = {}
    places: _Places = {}
    for stem, model in FILES.items():
        name = f"{stem}.yaml"
        if name not in texts:
            continue
        document = rulebook_yaml.read(name, texts[name])
        places[name] = document.positions
        if document.findings:
            findings += document.findings
            continue
        try:
            files[stem] = _model(document.value, model)
        except ValidationError as error:
            findings += _told(name, error, model, document.positions)
    if findings:
        raise RulebookError(_placed(findings, places))
    return Rulebook.model_validate(files), places


def _model(value: Any, model: Any) -> BaseModel:
    """Check strictly: in JSON's terms, so that days are text but "30" is no number and 1 is not true."""
    made: BaseModel = model.model_validate_json(json.dumps(value, ensure_ascii=False), strict=True)
    return made


def _told(name: str, error: ValidationError, model: Any, positions: rulebook_yaml.Positions) -> list[Finding]:
    return [
        Finding(name, path, rulebook_words.say(one, model), *rulebook_yaml.where(positions, path))
        for one in error.errors(include_url=False)
        for path in [rulebook_words.place_of(one)]
    ]


def _placed(findings: list[Finding], places: _Places) -> list[Finding]:
    """Give every finding its line and column, and put them in reading order."""
    placed = []
    for one in findings:
        line, column = one.line, one.column
        if line is None:
            line, column = rulebook_yaml.where(places.get(one.file, {}), one.path)
        placed.append(Finding(one.file, one.path, one.message, line, column))
    order = {name: rank for rank, name in enumerate(NAMES)}
    return sorted(placed, key=lambda one: (order.get(one.file, -1), one.file, one.line or 0, one.column or 0))
