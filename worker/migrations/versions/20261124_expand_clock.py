"""Absences, pauses, follow-up, and clocks that follow a changed calendar."""

from pathlib import Path

from alembic import op

revision = "20261124_clock"
down_revision = "20261124_expand_fair"


def upgrade() -> None:
    """Add tables, and columns with defaults."""
    sql = (Path(__file__).parent / "20261124_clock.sql").read_text(encoding="utf-8")
    op.execute(sql.replace(":", "\\:"))
