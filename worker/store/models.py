"""Fitted models: stored for good, checked at every reading; one of them may be in force."""

import json
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from schemas.errors import Refused
from schemas.learned import ModelRow, Report, Scorecard, read_scorecard
from worker.store.db import run

_COLUMNS = (
    "SELECT m.version, m.digest, m.document, m.report, m.fitted_at, m.by, m.rulebook_version,"
    " c.version IS NOT NULL AS in_force, r.digest AS rulebook_digest FROM tasuki.model m"
    " LEFT JOIN tasuki.model_current c USING (version) JOIN tasuki.rulebook r ON r.version = m.rulebook_version"
)


def insert(connection: Connection, card: Scorecard, report: Report, *, by: str, now: datetime) -> int:
    """Store a model as the next version and return that; it is not put in force.

    Raises:
        Refused: it belongs to a rulebook that is not in this database.

    """
    digest = run(
        connection, "SELECT digest FROM tasuki.rulebook WHERE version = :v", v=card.rulebook_version
    ).scalar()
    if digest != card.rulebook_digest:
        raise Refused(
            f"the model belongs to a rulebook {card.rulebook_version} that is not the one here; fit it here"
        )
    run(connection, "LOCK TABLE tasuki.model IN EXCLUSIVE MODE")
    version = int(run(connection, "SELECT coalesce(max(version), 0) + 1 FROM tasuki.model").scalar())
    run(
        connection,
        "INSERT INTO tasuki.model (version, digest, document, report, fitted_at, by, rulebook_version)"
        " VALUES (:v, :digest, cast(:document AS jsonb), cast(:report AS jsonb), :now, :by, :rulebook)",
        v=version, digest=card.digest, document=_text(card), report=_text(report), now=now, by=by,
        rulebook=card.rulebook_version,
    )  # fmt: skip
    return version


def _text(model: Scorecard | Report) -> str:
    return json.dumps(model.model_dump(mode="json"), ensure_ascii=False)


def read(connection: Connection, version: int) -> ModelRow:
    """Return a version; a document that does not fit is told as the row's `problem`.

    Raises:
        Refused: there is no such version.

    """
    row = run(connection, f"{_COLUMNS} WHERE m.version = :v", v=version).one_or_none()
    if row is None:
        raise Refused(f"there is no model version {version}; see `tasuki learn history`")
    return _checked(row)


def in_force(connection: Connection) -> ModelRow | None:
    """Return the version in force, or None."""
    row = run(connection, f"{_COLUMNS} WHERE c.version IS NOT NULL").one_or_none()
    return None if row is None else _checked(row)


def history(connection: Connection) -> list[ModelRow]:
    """Return all versions, the newest first."""
    return [_checked(row) for row in run(connection, f"{_COLUMNS} ORDER BY m.version DESC")]


def _checked(row: Any) -> ModelRow:
    card, report, problem = None, None, None
    try:
        card = read_scorecard(row.document)
        if (card.digest, card.rulebook_version) != (row.digest, row.rulebook_version):
            card, problem = None, "the model is not the one that this row was made for; fit it anew"
        elif card.rulebook_digest != row.rulebook_digest:
            card, problem = None, f"the model belongs to another rulebook {row.rulebook_version}; fit it anew"
    except Refused as error:
        problem = str(error)
    try:
        report = Report.model_validate(row.report)
    except ValidationError:
        problem = problem or "its report cannot be read"
    return ModelRow(
        version=row.version, digest=row.digest, fitted_at=row.fitted_at, by=row.by,
        rulebook_version=row.rulebook_version, in_force=row.in_force, card=card, report=report, problem=problem,
    )  # fmt: skip


def use(connection: Connection, version: int | None) -> None:
    """Put a version in force, or none.

    Raises:
        Refused: there is no such version, or its document does not fit.

    """
    if version is None:
        run(connection, "DELETE FROM tasuki.model_current")
        return
    row = read(connection, version)
    if row.card is None:
        raise Refused(f"model version {version} was refused: {row.problem}")
    run(
        connection,
        "INSERT INTO tasuki.model_current (version) VALUES (:v)"
        " ON CONFLICT (only_one) DO UPDATE SET version = excluded.version",
        v=version,
    )
