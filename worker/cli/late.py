"""Commands that are imported when they are called: nobody waits for the imports of those that they do not call."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

#: Each command and where it stands: a function, or the Typer of a group. In the order of `tasuki --help`.
PLACES: Final = {
    "demo": "worker.cli.demo:demo",
    "up": "worker.cli.run:up",
    "worker": "worker.cli.run:worker",
    "web": "worker.cli.web:web",
    "send": "worker.cli.queue:send",
    "drain": "worker.cli.drain:drain",
    "import": "worker.cli.bulk:import_",
    "backfill": "worker.cli.backfill:backfill",
    "check": "worker.cli.check:check",
    "doctor": "worker.cli.doctor:doctor",
    "db": "worker.cli.run:db_app",
    "lead": "worker.cli.lead_merges:app",  # which adds its commands to those of worker.cli.lead
    "account": "worker.cli.account:app",
    "enrichment": "worker.cli.enrichment:app",
    "handoff": "worker.cli.handoff:app",
    "rules": "worker.cli.rules:app",
    "absence": "worker.cli.absence:app",
    "sla": "worker.cli.sla:app",
    "quarantine": "worker.cli.quarantine:app",
    "outbox": "worker.cli.outbox:app",
    "token": "worker.cli.token:app",
    "crm": "worker.cli.crm:app",
    "intake": "worker.cli.intake:app",
    "learn": "worker.cli.learn:app",
    "schema": "worker.cli.schema:app",
}


class _Commands(Mapping[str, Any]):
    """The commands by their names, which are known before they are imported."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _make(name, PLACES[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(PLACES)

    def __len__(self) -> int:
        return len(PLACES)


def _make(name: str, place: str) -> Any:
    module, _, called = place.partition(":")
    found = getattr(import_module(module), called)
    group = typer.Typer(add_completion=False)
    if isinstance(found, typer.Typer):
        group.add_typer(found, name=name)
    else:
        group.command(name)(found)
    return typer.main.get_group(group).commands[name]


class LateGroup(TyperGroup):
    """A group that knows its commands by name, and imports one when it is called."""

    def __init__(self, **options: Any) -> None:
        """Prepare; what Typer knows of commands is none."""
        super().__init__(**options)
        self.commands = _Commands()  # type: ignore[assignment]  # it is only read
