"""`tasuki`: carries a lead from marketing to sales without dropping it."""

from importlib.metadata import version
from typing import Annotated

import typer

from worker.cli.late import LateGroup

app = typer.Typer(
    name="tasuki",
    cls=LateGroup,
    help="Tasuki (襷) carries a lead from marketing to sales without dropping it.\n\n"
    "Start with `tasuki demo`, or `tasuki up` and `tasuki send FILE`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tasuki {version('tasuki')}")
        raise typer.Exit


@app.callback()
def _common(
    told: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Take what stands before every command."""


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
