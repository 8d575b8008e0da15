"""`tasuki learn`: a chance to win learned from own outcomes, its honest report, and proposals for the rules."""

import getpass
from datetime import timedelta
from typing import Annotated, Any

import typer

from schemas.errors import Refused
from schemas.learned import ModelRow
from worker import rulebooks
from worker.cli import learn_files, learn_propose
from worker.cli.common import REFUSED, JsonFlag, command, console, print_json, print_table
from worker.cli.learn_common import (
    Horizon,
    HtmlFile,
    LangOption,
    Until,
    lang_of,
    need_scikit_learn,
    show,
    until_of,
    write_page,
)
from worker.now import now, now_ms
from worker.screen import safe
from worker.store import leads, models, reading
from worker.store.db import transaction

app = typer.Typer(help="Learn from outcomes: a chance to win beside the rule score.", no_args_is_help=True)


@app.command("fit")
@command
def fit(
    until: Until = None,
    min_won: Annotated[int, typer.Option(min=50, help="Won leads it takes before the hold-out.")] = 50,
    horizon_days: Horizon = 90,
    by: Annotated[str | None, typer.Option(help="Who fits; your login otherwise.")] = None,
    lang: LangOption = "en",
    as_json: JsonFlag = False,
) -> None:
    """Fit a model on own outcomes and judge it on the newest part; it is stored, and not put in force.

    Example: tasuki learn fit --until 2026-10-31
    """
    need_scikit_learn()
    from worker.learn import own, reporting
    from worker.learn.table import TooLittle

    with transaction() as connection:
        found = own.read(connection, until_of(until), timedelta(days=horizon_days))
    try:
        card, report = reporting.learn(found.table(), least_won=min_won)
    except TooLittle as error:
        if as_json:
            print_json({"refused": str(error), "counts": error.counts})
            raise typer.Exit(REFUSED) from None
        raise
    report = report.model_copy(update={"made_at": now()})
    with transaction() as connection:
        version = models.insert(connection, card, report, by=by or getpass.getuser(), now=now())
    if as_json:
        print_json({"version": version, "digest": card.digest, "report": report.model_dump(mode="json")})
        return
    show(report, lang_of(lang))
    console.print(f"model version {version} is stored; put it in force with `tasuki learn use {version}`")


@app.command("report")
@command
def report_(
    version: Annotated[int | None, typer.Argument(help="A version; the newest otherwise.")] = None,
    html: HtmlFile = None,
    lang: LangOption = "en",
    as_json: JsonFlag = False,
) -> None:
    """Show how a model did on its hold-out, against the rule score.

    Example: tasuki learn report 3 --html report.html --lang ja
    """
    with transaction() as connection:
        row = _row(connection, version)
    if row.report is None:
        raise Refused(f"model version {row.version}: {row.problem}")
    if html is not None:
        book = rulebooks.load(row.rulebook_version).book
        write_page(html, row.report, row.card, book, lang_of(lang))
    if as_json:
        print_json({"version": row.version, "in_force": row.in_force, "problem": row.problem,
                    "report": row.report.model_dump(mode="json")})  # fmt: skip
        return
    show(row.report, lang_of(lang))
    if row.problem:
        console.print(f"[red]the model itself is refused:[/red] {safe(row.problem)}")


def _row(connection: Any, version: int | None) -> ModelRow:
    if version is not None:
        return models.read(connection, version)
    found = models.history(connection)
    if not found:
        raise Refused("no model was fitted yet; run `tasuki learn fit`")
    return found[0]


@app.command("history")
@command
def history(as_json: JsonFlag = False) -> None:
    """List all fitted models.

    Example: tasuki learn history
    """
    with transaction() as connection:
        found = models.history(connection)
    rows = [
        {"version": one.version, "in_force": one.in_force, "fitted_at": one.fitted_at, "by": one.by,
         "rulebook_version": one.rulebook_version, "digest": one.digest, "problem": one.problem,
         "auc": one.report.model.auc.value if one.report else None,
         "verdict": one.report.verdict if one.report else None}
        for one in found
    ]  # fmt: skip
    if as_json:
        print_json(rows)
        return
    print_table("models", ("version", "in force", "fitted", "by", "rulebook", "AUC", "against the rules"), [
        (row["version"], "*" if row["in_force"] else "", row["fitted_at"], row["by"], row["rulebook_version"],
         "-" if row["auc"] is None else f"{row['auc']:.3f}", row["problem"] or row["verdict"]) for row in rows
    ])  # fmt: skip


@app.command("use")
@command
def use(
    version: Annotated[str, typer.Argument(help="A version, or none.")], as_json: JsonFlag = False
) -> None:
    """Put a model in force: its chance is shown beside the rule score. It decides nothing.

    Example: tasuki learn use 3
    """
    if version != "none" and not (version.isascii() and version.isdigit()):
        raise Refused(f"{version!r} is no version; give a number of `tasuki learn history`, or none")
    wanted = None if version == "none" else int(version)
    with transaction() as connection:
        models.use(connection, wanted)
        row = None if wanted is None else models.read(connection, wanted)
    verdict = row.report.verdict if row is not None and row.report is not None else None
    if as_json:
        print_json({"in_force": wanted, "verdict": verdict})
        return
    if wanted is None:
        console.print("no model is in force; the rule score goes on alone")
        return
    console.print(f"model version {wanted} is in force, beside the rule score")
    if verdict != "better":
        console.print(f"[yellow]warning:[/yellow] against the rule score it is: {safe(verdict)}")


@app.command("score")
@command
def score(
    who: Annotated[str, typer.Argument(help="Lead number, e-mail address, or the producer's own key.")],
    model: Annotated[int | None, typer.Option(help="A model version; the one in force otherwise.")] = None,
    lang: LangOption = "en",
    as_json: JsonFlag = False,
) -> None:
    """Tell a lead's chance to win by the model, with what raises and lowers it.

    Example: tasuki learn score hanako.sato@example.co.jp --lang ja
    """
    from worker.learned import chance_by, chance_of

    with transaction() as connection:
        lead = leads.read_lead(connection, reading.find_lead(connection, who))
        assert lead is not None  # noqa: S101 - it was just found
        at_ms = now_ms()
        said = (
            chance_of(connection, lead, at_ms)
            if model is None
            else chance_by(models.read(connection, model), lead, at_ms)
        )
    if said is None:
        raise Refused("no model is in force; see `tasuki learn use`. The rule score goes on alone")
    if said.chance is None:
        raise Refused(
            f"model version {said.version} was refused: {said.problem}. The rule score goes on alone"
        )
    if as_json:
        print_json(
            {"lead_id": lead.lead_id, "model": said.version, "chance": said.chance, "reasons": said.reasons(lang_of(lang)),
             "contributions": [{"field": one.field, "value": one.value, "log_odds": one.log_odds}
                               for one in said.contributions]}
        )  # fmt: skip
        return
    console.print(f"[bold]lead {lead.lead_id}: {said.chance:.0%}[/bold] (model {said.version})")
    for line in said.reasons(lang_of(lang)):
        console.print(f"  {safe(line)}", soft_wrap=True)


app.command("propose")(learn_propose.propose)
app.command("evaluate")(learn_propose.evaluate)
app.command("export")(learn_files.export)
app.command("import")(learn_files.import_)
