"""Links by which a rep answers from a mail, and tokens of the HTTP API: hashes only."""

from pathlib import Path

from alembic import op

revision = "20261124_expand_web"
down_revision = "20261124_clock"


def upgrade() -> None:
    """Add the two tables; nothing that exists is touched."""
    sql = (Path(__file__).parent / "20261124_expand_web.sql").read_text(encoding="utf-8")
    op.execute(sql.replace(":", "\\:"))
