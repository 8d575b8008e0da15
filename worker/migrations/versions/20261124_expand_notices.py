"""Room for named channels, receivers' health, digests and fallbacks. What was written before stays valid."""

from pathlib import Path

from alembic import op

revision = "20261124_expand_notices"
down_revision = "20261124_expand_web"


def upgrade() -> None:
    """Add what is new; every new column has a default, so that code of before goes on writing."""
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.execute(text.replace(":", "\\:"))
