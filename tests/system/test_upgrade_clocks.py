"""A live database of the version before is upgraded: its rows survive, and its clocks run on."""

from alembic import command
from sqlalchemy import create_engine, text

from worker.local.servers import LocalServers
from worker.store import migrate

BEFORE = """
INSERT INTO tasuki.lead (lead_id, lifecycle_stage, rulebook_version, state, created_at, updated_at)
    SELECT n, 'sal', 1, '{}', now(), now() FROM generate_series(1, 3) n;
INSERT INTO tasuki.assignment (lead_id, rep, pool, rule, strategy, sla, ready_at, offered_at, accepted_at, rulebook_version)
    SELECT n, 'suzuki_haruka', 'enterprise_east', 'r', 'round_robin', 'hot', now(), now(), now(), 1 FROM generate_series(1, 3) n;
INSERT INTO tasuki.clock (assignment_id, lead_id, policy, kind, started_at, warn_at, due_at, warned_at, met_at, next_at)
    VALUES (1, 1, 'hot', 'contact', '2026-11-24', '2026-11-25', '2026-11-26', NULL, NULL, '2026-11-25'),
           (2, 2, 'hot', 'contact', '2026-11-24', '2026-11-25', '2026-11-26', '2026-11-25', NULL, '2026-11-26'),
           (3, 3, 'hot', 'contact', '2026-11-24', NULL, '2026-11-26', NULL, '2026-11-25', NULL);
"""


def test_rows_survive_the_upgrade(servers: LocalServers) -> None:
    """Clocks that run, that were warned and that have ended are read by the new code for what they are."""
    servers.start_postgres()
    url = servers.create_database("upgraded")
    engine = create_engine(url)
    try:
        command.upgrade(migrate._config(url), "20261123_first")
        with engine.begin() as connection:
            connection.exec_driver_sql(BEFORE)
        migrate.upgrade(url)
        with engine.begin() as connection:
            rows = connection.execute(
                text("SELECT warnings, warned, round, extra_s, paused_until, raw_s, next_at IS NULL FROM tasuki.clock"
                     " ORDER BY clock_id")
            ).all()  # fmt: skip
            assert [tuple(row) for row in rows] == [
                ([], 0, 0, 0, None, None, ended) for ended in (False, False, True)
            ]
            asked = connection.execute(
                text("SELECT attempts, follow_ups, followed_up_at FROM tasuki.assignment")
            )
            assert {tuple(row) for row in asked} == {(0, 0, None)}
            # A worker of the version before goes on writing beside it.
            connection.exec_driver_sql(
                "INSERT INTO tasuki.clock (assignment_id, lead_id, policy, kind, started_at, due_at, next_at)"
                " VALUES (3, 3, 'hot', 'contact', now(), now(), now())"
            )
        assert migrate.current(url) == migrate.newest()
    finally:
        engine.dispose()
        servers.drop_database("upgraded")
