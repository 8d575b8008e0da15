"""A command starts fast: it imports what it needs, and its screen shows what concerns its reader."""

import subprocess
import sys

import pytest
import typer

from tests.fixtures.system import System, event, eventually
from worker.cli import late
from worker.cli.main import app


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh Python has after a statement."""
    code = f"{statement}\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_version_and_typing_errors_import_no_command() -> None:
    """The names of all commands are known without them."""
    statement = "from worker.cli.main import app\nfrom typer.testing import CliRunner\nsaid = CliRunner().invoke(app, ['handof'])\nassert 'handoff' in said.output, said.output"
    loaded = loaded_by(statement)
    assert {name for name in loaded if name.startswith("worker.")} == {
        "worker.cli",
        "worker.cli.late",
        "worker.cli.main",
    }
    assert "sqlalchemy" not in loaded


@pytest.mark.parametrize("module, slow", [
    ("check", {"celery.app", "redis", "httpx2", "alembic", "recurring_ical_events"}),
    ("lead_merges", {"celery.app", "redis", "httpx2", "alembic"}),
    ("rules", {"celery.app", "redis", "httpx2", "alembic"}),
    ("handoff", {"alembic", "recurring_ical_events"}),
])  # fmt: skip
def test_command_imports_nothing_slow_that_it_does_not_need(module: str, slow: set[str]) -> None:
    """Each of these takes a tenth to half a second."""
    assert not slow & loaded_by(f"import worker.cli.{module}")


def test_every_place_holds_a_command_with_words() -> None:
    """A place that was renamed is found here, and not by who calls the command."""
    group = typer.main.get_command(app)
    assert list(group.commands) == list(late.PLACES)  # type: ignore[attr-defined]
    for name in late.PLACES:
        command = group.commands[name]  # type: ignore[attr-defined]
        assert command.name == name
        assert command.help


def test_worker_prints_no_banner(system: System) -> None:
    """What Celery says of itself at its start is for no screen and for no log of ours."""
    system.worker()
    system.send([event(1)])
    eventually(lambda: system.applied() == 1, "the worker works")
    system.close()
    said = system.log.read_text(errors="replace")
    assert "[config]" not in said
    assert "transport" not in said
    assert [line for line in said.splitlines() if line and not line.startswith("{")] == []
