"""A live upgrade: what waits in the outbox before it is delivered after it, and code of before goes on writing."""

from alembic import command
from sqlalchemy import create_engine, text

from worker.local.servers import LocalServers
from worker.store.migrate import _config, upgrade

OLD = (
    "INSERT INTO tasuki.outbox (idempotency_key, kind, channel, recipient, lead_id, body, created_at, next_try_at)"
    " VALUES ('{key}', 'offer', '{channel}', 'x', 1, '{{}}', now(), now())"
)


def test_messages_written_before_the_upgrade_have_a_receiver_after_it(servers: LocalServers) -> None:
    """Mail stays mail and webhooks stay webhooks; both receivers are there, so that both are sent to."""
    url = servers.create_database("upgrade_notices")
    engine = create_engine(url)
    try:
        command.upgrade(_config(url), "20261123_first")
        with engine.begin() as connection:
            connection.execute(text(OLD.format(key="a", channel="email")))
            connection.execute(text(OLD.format(key="b", channel="webhook")))
        upgrade(url)
        with engine.begin() as connection:
            connection.execute(text(OLD.format(key="c", channel="email")))
            rows = connection.execute(
                text(
                    "SELECT o.idempotency_key, r.receiver, o.rep, o.urgent, o.route, o.status"
                    " FROM tasuki.outbox o JOIN tasuki.receiver r USING (receiver) ORDER BY 1"
                )
            ).all()
    finally:
        engine.dispose()
        servers.drop_database("upgrade_notices")

    assert [tuple(row) for row in rows] == [
        ("a", "email", None, False, [], "pending"),
        ("b", "webhook", None, False, [], "pending"),
        ("c", "email", None, False, [], "pending"),
    ]
