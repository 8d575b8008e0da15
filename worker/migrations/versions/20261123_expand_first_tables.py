"""The first tables and the views that others rely on."""

from pathlib import Path

from alembic import op

revision = "20261123_first"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    folder = Path(__file__).parent
    for name in ("20261123_tables.sql", "20261123_views.sql"):
        op.execute((folder / name).read_text(encoding="utf-8").replace(":", "\\:"))
