"""A link keeps by which channel it went and what that may show; an act by a link keeps the channel."""

from alembic import op

revision = "20261124_link_policy"
down_revision = "20261124_line"


def upgrade() -> None:
    """Add the columns; of links made before, nobody knows the channel, and they show what they showed."""
    op.execute(
        "ALTER TABLE tasuki.link_token"
        " ADD COLUMN personal_data text NOT NULL DEFAULT 'full'"
        " CHECK (personal_data IN ('full', 'name_and_company', 'none')),"
        " ADD COLUMN channel text NOT NULL DEFAULT 'unknown'"
    )
    # null: by command or over HTTP
    op.execute("ALTER TABLE tasuki.act ADD COLUMN link_channel text")
