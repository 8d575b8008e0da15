"""Intake: counts by source, thin events to be read back, and a quarantine that expires."""

from pathlib import Path

from alembic import op

revision = "20261124_intake"
down_revision = "20261124_crm"


def upgrade() -> None:
    """Add tables and columns; existing rows stay as they are."""
    text = (Path(__file__).parent / "20261124_intake.sql").read_text(encoding="utf-8")
    op.execute(text.replace(":", "\\:"))
