"""Brings a database to the current schema, by Alembic, without a configuration file."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

_FOLDER: Final = Path(__file__).parent.parent / "migrations"


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str) -> None:
    """Bring the database to the newest schema; two at a time wait for each other."""
    command.upgrade(_config(database_url), "head")


def newest() -> str:
    """Return the newest schema revision that this code knows."""
    return str(ScriptDirectory.from_config(_config("")).get_current_head())


def current(database_url: str) -> str | None:
    """Return the database's schema revision, or None before the first."""
    engine = create_engine(database_url, hide_parameters=True)
    try:
        with engine.connect() as connection:
            if connection.execute(text("SELECT to_regclass('tasuki.alembic_version')")).scalar() is None:
                return None
            return connection.execute(text("SELECT version_num FROM tasuki.alembic_version")).scalar()
    finally:
        engine.dispose()
