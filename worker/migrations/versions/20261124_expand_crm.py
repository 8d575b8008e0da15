"""What the CRM must be told of which lead, which CRM record a lead is, and how the connection fares."""

from pathlib import Path

from alembic import op

revision = "20261124_crm"
down_revision = "20261124_expand_notices"


def upgrade() -> None:
    """Add tables; nothing that was there changes."""
    sql = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.execute(sql.replace(":", "\\:"))
