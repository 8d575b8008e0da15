"""Accounts with identities, candidates and merges that can be undone; what outside sources were asked."""

from pathlib import Path

from alembic import op

revision = "20261124_accounts"
down_revision = "20261124_intake"


def upgrade() -> None:
    """Add tables and columns; every row of before stays as it is."""
    text = (Path(__file__).parent / "20261124_accounts.sql").read_text(encoding="utf-8")
    op.execute(text.replace(":", "\\:"))
