"""A link to a CRM record keeps which leads it came from, so that a merge undone gives it back."""

from alembic import op

revision = "20261124_crm_came_from"
down_revision = "20261124_link_policy"


def upgrade() -> None:
    """Add the column; of links that moved before, nobody knows where they came from, and they stay."""
    # each lead that had the record before, the last one last: merges are undone the newest first
    op.execute("ALTER TABLE tasuki.crm_link ADD COLUMN came_from bigint[] NOT NULL DEFAULT '{}'")
