"""A lead that is judged again keeps its place in every index: PostgreSQL then rewrites its page alone."""

from alembic import op

revision = "20261124_in_place"
down_revision = "20261124_doors"


def upgrade() -> None:
    """Leave what events change (engagement, fit) out of the index by which history is found."""
    op.execute("DROP INDEX tasuki.lead_history")
    op.execute(
        "CREATE INDEX lead_history ON tasuki.lead (lead_id)"
        " WHERE history_until IS NOT NULL AND merged_into IS NULL AND lifecycle_stage IN ('inquiry', 'nurture')"
    )
