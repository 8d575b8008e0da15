"""The ledger of turns, value points, what a strategy asks, and claims."""

from pathlib import Path

from alembic import op

revision = "20261124_expand_fair"
down_revision = "20261123_first"


def upgrade() -> None:
    """Add columns with defaults and one table; rows and workers of the version before go on."""
    text = (Path(__file__).parent / "20261124_expand_fair.sql").read_text(encoding="utf-8")
    op.execute(text.replace(":", "\\:"))
