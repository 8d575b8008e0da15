"""Alembic's entry: one connection, one lock, so that two upgrades at a time wait for each other."""

from alembic import context
from sqlalchemy import create_engine, pool, text

url = context.config.attributes["database_url"]
engine = create_engine(url, poolclass=pool.NullPool, hide_parameters=True)

with engine.connect() as connection:
    connection.execute(text("SELECT pg_advisory_lock(7254190)"))
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS tasuki"))
    connection.execute(text("SET lock_timeout = '30s'"))
    connection.commit()
    context.configure(connection=connection, version_table_schema="tasuki", target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(text("SELECT pg_advisory_unlock(7254190)"))
    connection.commit()
