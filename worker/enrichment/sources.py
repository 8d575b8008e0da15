"""What an outside source is, and the ones that are configured."""

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pydantic import ValidationError

from schemas.enrichment import EnrichmentFile, QuestionKind, Source
from schemas.errors import Refused
from schemas.event import EventData
from worker import rulebook_yaml
from worker.settings import settings


class Question(NamedTuple):
    """Whom a source is asked about."""

    kind: QuestionKind
    value: str


class Asker(Protocol):
    """A source that can be asked. One that needs no network has no budget and no breaker."""

    def ask(self, question: Question) -> dict[str, Any]:
        """Return fields of the canonical event, empty where the source knows nobody.

        Raises:
            Away: try again later.
            Refused: the source does not take such questions from us: a mend of the configuration is needed.

        """
        ...


def configured() -> list[Source]:
    """Return the sources of the enrichment file, none where there is no file.

    Raises:
        Refused: the file cannot be read, or is wrong; with the place and the mend.

    """
    path = settings().enrichment_file
    if path is None:
        return []
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise Refused(f"TASUKI_ENRICHMENT_FILE: {path.name} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> list[Source]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"{path.name}: not UTF-8; save it as UTF-8") from error
    document = rulebook_yaml.read(path.name, text)
    if document.findings:
        raise Refused("\n".join(str(finding) for finding in document.findings))
    try:
        return list(EnrichmentFile.model_validate(document.value).sources)
    except ValidationError as error:
        raise Refused("\n".join(_place(path.name, one, document) for one in error.errors())) from None


def _place(file: str, error: Any, document: rulebook_yaml.Document) -> str:
    path = tuple(part for part in error["loc"] if part not in ("http", "table"))
    line, column = next(
        (document.positions[path[:n]] for n in range(len(path), 0, -1) if path[:n] in document.positions),
        (1, 1),
    )
    return f"{file}:{line}:{column}: {'.'.join(str(part) for part in path)}: {error['msg']}"


def fit_to_say(said: dict[str, Any]) -> dict[str, Any]:
    """Return of an answer what the canonical event takes, field by field; the rest is dropped."""
    kept = {}
    for name, value in said.items():
        if isinstance(value, str):
            value = " ".join(value.split())[:500]  # noqa: PLW2901 - one line
        elif not isinstance(value, int | float) or isinstance(value, bool):
            continue
        try:
            checked = getattr(
                EventData.model_validate({name: value if name == "employees" else str(value)}), name
            )
        except ValidationError:
            continue
        if checked is not None:
            kept[name] = checked
    return kept
