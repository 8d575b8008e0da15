"""`tasuki`: carries a lead from marketing to sales without dropping it."""

import typer

from worker.cli import check, demo, doctor, handoff, lead, learn, quarantine, queue, rules, run

app = typer.Typer(
    name="tasuki",
    help="Tasuki (襷) carries a lead from marketing to sales without dropping it.\n\n"
    "Start with `tasuki demo`, or `tasuki up` and `tasuki send FILE`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("up")(run.up)
app.command("worker")(run.worker)
app.add_typer(run.db_app, name="db")
app.command("send")(queue.send)
app.command("drain")(queue.drain)
app.add_typer(lead.app, name="lead")
app.add_typer(handoff.app, name="handoff")
app.add_typer(rules.app, name="rules")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(learn.app, name="learn")
app.command("check")(check.check)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
