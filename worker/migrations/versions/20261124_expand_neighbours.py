"""Company names in the order in which they end: a typing error at their beginning is found, too."""

from alembic import op

revision = "20261124_neighbours"
down_revision = "20261124_learn"


def upgrade() -> None:
    """Add the index."""
    op.execute(
        'CREATE INDEX account_identity_backwards ON tasuki.account_identity (reverse(value) COLLATE "C")'
        " WHERE kind = 'name'"
    )
