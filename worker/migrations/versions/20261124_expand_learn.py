"""What was learned from outcomes: immutable versions, and which one is in force."""

from pathlib import Path

from alembic import op

revision = "20261124_learn"
down_revision = "20261124_accounts"


def upgrade() -> None:
    """Add two tables; nothing that exists is touched."""
    sql = (Path(__file__).parent / "20261124_learn.sql").read_text(encoding="utf-8")
    op.execute(sql.replace(":", "\\:"))
