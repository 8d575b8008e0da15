"""The whole of Tasuki's servers on one machine: started from wheels, migrated, with a rulebook in force."""

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from worker import rulebook_files, rulebooks
from worker.app import use_broker
from worker.local.servers import LocalServers, default_state_dir
from worker.now import now
from worker.settings import settings
from worker.store import migrate
from worker.store.db import transaction


class Stack:
    """PostgreSQL and Valkey (given by URL, or started here), the schema, and the example rulebook."""

    def __init__(self, state_dir: Path | None = None, *, extra_env: dict[str, str] | None = None) -> None:
        """Prepare; nothing is started yet.

        Args:
            state_dir: where started servers keep their data.
            extra_env: more variables for this process and the workers it starts.

        """
        self._state_dir = state_dir or settings().state_dir or default_state_dir()
        self._extra = extra_env or {}
        self._exit = ExitStack()
        self.env: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Start what is not given, and make it ready for events."""
        options = settings()
        if options.database_url is None or options.redis_url is None:
            servers = self._exit.enter_context(LocalServers(self._state_dir))
            if options.database_url is None:
                self.env["TASUKI_DATABASE_URL"] = servers.database_url
            if options.redis_url is None:
                self.env["TASUKI_REDIS_URL"] = servers.redis_url
        self.env |= self._extra
        os.environ.update(self.env)
        settings.cache_clear()
        use_broker()
        url = settings().database_url
        assert url is not None  # noqa: S101 - given, or set above
        migrate.upgrade(url.get_secret_value())
        with transaction() as connection:
            version = rulebooks.current_version(connection)
        if version is None:
            texts = rulebook_files.read_texts(rulebook_files.EXAMPLE)
            rulebooks.publish(texts, by="tasuki up", note="the example rulebook", now=now())
        return self

    def exports(self) -> str:
        """Return the shell lines that let other programs talk to these servers, psql and pg_dump among them."""
        return "\n".join(
            f"  export {name}='{value.replace('postgresql+psycopg://', 'postgresql://')}'"
            for name, value in self.env.items()
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what was started here."""
        self._exit.__exit__(kind, error, trace)
