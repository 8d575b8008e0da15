"""Stays on nurture tracks, what the MA platform is told of them, and lost leads that come back; how far a rescoring is."""

from pathlib import Path

from alembic import op

revision = "20261124_nurture"
down_revision = "20261124_crm_came_from"


def upgrade() -> None:
    """Add tables, indexes and a view; nothing that was there changes."""
    sql = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.execute(sql.replace(":", "\\:"))
