"""History: leads that are known from it only, and how far each backfill has come."""

from alembic import op

revision = "20261124_bulk"
down_revision = "20261124_nurture"


def upgrade() -> None:
    """Add the mark and the table; leads that are there are live."""
    op.execute("ALTER TABLE tasuki.lead ADD COLUMN history_until timestamptz")
    op.execute(  # the order in which they are released
        "CREATE INDEX lead_history ON tasuki.lead (fit_grade, engagement DESC, lead_id)"
        " WHERE history_until IS NOT NULL AND merged_into IS NULL AND lifecycle_stage IN ('inquiry', 'nurture')"
    )
    # One row for each file and way of reading it: whoever reads the same again goes on from `rows_done`.
    op.execute(
        "CREATE TABLE tasuki.backfill ("
        " backfill_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " file text NOT NULL, digest text NOT NULL, source text NOT NULL, read_as text NOT NULL,"
        " hand_over boolean NOT NULL, started_at timestamptz NOT NULL, seen_at timestamptz NOT NULL,"
        " finished_at timestamptz, rows_done bigint NOT NULL DEFAULT 0, events bigint NOT NULL DEFAULT 0,"
        " applied bigint NOT NULL DEFAULT 0, repeats bigint NOT NULL DEFAULT 0, refused bigint NOT NULL DEFAULT 0,"
        " UNIQUE (digest, source, read_as))"
    )
