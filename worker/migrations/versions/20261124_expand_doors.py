"""Notices of leads wait until the lead is read, and test deliveries of a platform are known as such."""

from alembic import op

revision = "20261124_doors"
down_revision = "20261124_bulk"


def upgrade() -> None:
    """Add the column, and the word."""
    op.execute("ALTER TABLE tasuki.fetch_request ADD COLUMN notice text")
    op.execute("ALTER TABLE tasuki.quarantine DROP CONSTRAINT quarantine_resolution_check")
    op.execute(
        "ALTER TABLE tasuki.quarantine ADD CONSTRAINT quarantine_resolution_check"
        " CHECK (resolution IN ('applied', 'repeat', 'dropped', 'quarantined_again', 'expired', 'test'))"
    )
