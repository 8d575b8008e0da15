"""`tasuki`: carries a lead from marketing to sales without dropping it."""

from importlib.metadata import version
from typing import Annotated

import typer

from worker.cli import (
    absence,
    account,
    backfill,
    bulk,
    check,
    crm,
    demo,
    doctor,
    drain,
    enrichment,
    handoff,
    intake,
    lead,
    learn,
    outbox,
    quarantine,
    queue,
    rules,
    run,
    schema,
    sla,
    token,
    web,
)

app = typer.Typer(
    name="tasuki",
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


app.command("demo")(demo.demo)
app.command("up")(run.up)
app.command("worker")(run.worker)
app.command("web")(web.web)
app.add_typer(run.db_app, name="db")
app.command("send")(queue.send)
app.command("drain")(drain.drain)
app.command("import")(bulk.import_)
app.command("backfill")(backfill.backfill)
app.add_typer(lead.app, name="lead")
app.add_typer(account.app, name="account")
app.add_typer(enrichment.app, name="enrichment")
app.add_typer(handoff.app, name="handoff")
app.add_typer(rules.app, name="rules")
app.add_typer(absence.app, name="absence")
app.add_typer(sla.app, name="sla")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(outbox.app, name="outbox")
app.add_typer(token.app, name="token")
app.add_typer(crm.app, name="crm")
app.add_typer(intake.app, name="intake")
app.add_typer(learn.app, name="learn")
app.add_typer(schema.app, name="schema")
app.command("check")(check.check)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
