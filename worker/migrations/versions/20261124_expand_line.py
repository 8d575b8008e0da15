"""Who waits for room is found at once, and what one person declined is known of all that was merged into them."""

from alembic import op

revision = "20261124_line"
down_revision = "20261124_neighbours"


def upgrade() -> None:
    """Add three indexes, a function, and the bounds within which the line is chosen from."""
    op.execute("ALTER TABLE tasuki.waiting ADD CONSTRAINT waiting_priority CHECK (priority BETWEEN 0 AND 9)")
    op.execute("CREATE INDEX waiting_lane ON tasuki.waiting (pool, priority, ready_at, lead_id)")
    op.execute(
        "CREATE INDEX waiting_full ON tasuki.waiting (pool, priority, ready_at, lead_id) WHERE reason = 'full'"
    )
    op.execute("CREATE INDEX lead_merged ON tasuki.lead (merged_into) WHERE merged_into IS NOT NULL")
    op.execute(
        "CREATE FUNCTION tasuki.one_person(lead bigint) RETURNS SETOF bigint LANGUAGE sql STABLE AS $$"
        " WITH RECURSIVE person(id) AS (SELECT lead UNION SELECT l.lead_id FROM tasuki.lead l"
        "  JOIN person p ON l.merged_into = p.id) SELECT id FROM person $$"
    )
