"""`tasuki learn`: a chance to win learned from own outcomes, its honest report, and proposals for the rules."""

import getpass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from routing_rules.counted import counted
from schemas.base import Lang
from schemas.errors import Refused
from schemas.learned import ModelRow, Report, Scorecard
from worker import rulebooks
from worker.cli import learn_files
from worker.cli.common import REFUSED, JsonFlag, command, command_alone, console, print_json, print_table
from worker.now import now, now_ms
from worker.screen import safe
from worker.store import leads, models, reading
from worker.store.db import transaction

app = typer.Typer(help="Learn from outcomes: a chance to win beside the rule score.", no_args_is_help=True)

LangOption = Annotated[str, typer.Option(help="ja or en.")]
Until = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Nothing after this day (UTC) is looked at.")
]
Horizon = Annotated[
    int,
    typer.Option(min=1, max=1_000, help="Days by which most outcomes are known; younger ones are left out."),
]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Write the report as one HTML page.")]


def _lang(said: str) -> Lang:
    return "ja" if said == "ja" else "en"


def _need_scikit_learn() -> None:
    """Refuse in words where the extra is missing: scoring works without it, fitting does not."""
    if any(find_spec(name) is None for name in ("sklearn", "numpy")):
        raise Refused(
            "fitting needs scikit-learn, which is not installed: .venv/bin/python -m pip install --require-hashes"
            " --requirement requirements/learn.lock (the extra `learn`; run it in the folder of the code). Scoring and reports need nothing"
        )


def _until(said: datetime | None) -> datetime:
    return now() if said is None else min(now(), said.replace(tzinfo=UTC) + timedelta(days=1))


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
    _need_scikit_learn()
    from worker.learn import own, reporting
    from worker.learn.table import TooLittle

    with transaction() as connection:
        found = own.read(connection, _until(until), timedelta(days=horizon_days))
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
    _show(report, _lang(lang))
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
        _write_page(html, row.report, row.card, book, _lang(lang))
    if as_json:
        print_json({"version": row.version, "in_force": row.in_force, "problem": row.problem,
                    "report": row.report.model_dump(mode="json")})  # fmt: skip
        return
    _show(row.report, _lang(lang))
    if row.problem:
        console.print(f"[red]the model itself is refused:[/red] {safe(row.problem)}")


def _row(connection: Any, version: int | None) -> ModelRow:
    if version is not None:
        return models.read(connection, version)
    found = models.history(connection)
    if not found:
        raise Refused("no model was fitted yet; run `tasuki learn fit`")
    return found[0]


def _write_page(path: Path, report: Report, card: Scorecard | None, book: Any, lang: Lang) -> None:
    from worker.learn.page import page

    try:
        path.write_text(page(report, card, book, lang), encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from None


def _show(report: Report, lang: Lang) -> None:
    """Print a report for people."""
    from worker.learn import words

    console.print(f"[bold]{safe(words.verdict_words(report, lang))}[/bold]", soft_wrap=True)
    windows = [(name, one.first, one.last, one.leads, one.won) for name, one in words.windows(report, lang)]
    print_table(
        report.data, [words.label(name, lang) for name in ("part", "first", "last", "leads", "won")], windows
    )
    rows = [words.measure_cells(one, lang) for one in (report.model, *report.others)]
    print_table(words.label("comparison", lang), words.measure_columns(lang), rows)
    bins = [
        (f"{one.promised:.1%}", f"{one.came:.1%}", f"{one.low:.1%} … {one.high:.1%}", one.leads)
        for one in report.bins
    ]
    head = (words.label("promised", lang), words.label("came", lang), "95 %", words.label("leads", lang))
    print_table(words.label("calibration", lang), head, bins)
    for note in report.notes:
        console.print(safe(note.say(lang)), soft_wrap=True)


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
            {"lead_id": lead.lead_id, "model": said.version, "chance": said.chance, "reasons": said.reasons(_lang(lang)),
             "contributions": [{"field": one.field, "value": one.value, "log_odds": one.log_odds}
                               for one in said.contributions]}
        )  # fmt: skip
        return
    console.print(f"[bold]lead {lead.lead_id}: {said.chance:.0%}[/bold] (model {said.version})")
    for line in said.reasons(_lang(lang)):
        console.print(f"  {safe(line)}", soft_wrap=True)


@app.command("propose")
@command
def propose(
    until: Until = None, horizon_days: Horizon = 90, lang: LangOption = "en", as_json: JsonFlag = False
) -> None:
    """Propose changes of persona, readiness and journey that past hand-overs speak for. Nothing is applied.

    Example: tasuki learn propose --lang ja
    """
    from routing_rules.proposal_words import proposal_words
    from worker.learn import own

    with transaction() as connection:
        found = own.read(connection, _until(until), timedelta(days=horizon_days))
    result = found.proposals()
    told: list[dict[str, Any]] = [
        {"words": {"ja": proposal_words(one, found.book, "ja"), "en": proposal_words(one, found.book, "en")}, "file": f"{one.change.path[0]}.yaml",
         "line": found.line_of(one.change.path), "path": list(one.change.path[1:]), "kind": one.change.kind,
         "found": _counted(one.found), "again": _counted(one.again)}
        for one in result.proposals
    ]  # fmt: skip
    if as_json:
        print_json({"tried": result.tried, "handed_over": result.found_on, "held_out": result.held_out,
                    "rulebook_version": found.book.version, "proposals": told})  # fmt: skip
        return
    for number, one in enumerate(told, start=1):
        console.print(
            f"{number}. {safe(one['words'][_lang(lang)])} ({one['file']}, line {one['line']})", soft_wrap=True
        )
    console.print(
        f"{counted(result.tried, 'change was', 'changes were')} tried on"
        f" {counted(result.found_on, 'past hand-over')}; {len(told)} also held on the"
        f" newest {result.held_out}. None is applied: both sides sign, then `tasuki rules publish`"
    )


def _counted(one: Any) -> dict[str, Any]:
    return {
        "handed_over": one.handed_over, "held_back": one.held_back, "won": one.won,
        "won_held_back": one.won_held_back, "share_won_low": one.low, "share_won_high": one.high,
        "outcomes": {name: {"held_back": some, "all": total} for name, (some, total) in one.outcomes.items()},
    }  # fmt: skip


@app.command("evaluate")
@command_alone
def evaluate(
    file: Annotated[Path, typer.Argument(help="A table as CSV, plain or gzipped.")],
    spec: Annotated[Path, typer.Option(help="What its columns are; see bench/learn.")],
    against: Annotated[
        Path | None, typer.Option(help="Judge on this file instead of on the newest quarter.")
    ] = None,
    refit_every: Annotated[
        int | None, typer.Option(min=50, help="Also fit anew after every so many cases, as one would in use.")
    ] = None,
    html: HtmlFile = None,
    lang: LangOption = "en",
    as_json: JsonFlag = False,
) -> None:
    """Run the same fit and the same report on an outside table, beside two other models. Nothing is stored.

    Example: tasuki learn evaluate leads.csv --spec bench/learn/x_education.yaml
    """
    _need_scikit_learn()
    from worker.learn import outside, references, reporting

    chosen = outside.read_spec(spec)
    table = outside.read_table(file, chosen)
    held_out = None if against is None else outside.read_table(against, chosen)
    card, report = reporting.learn(
        table, held_out=held_out, references=references.REFERENCES, refit_every=refit_every
    )
    report = report.model_copy(update={"made_at": now()})
    if html is not None:
        _write_page(html, report, card, None, _lang(lang))
    if as_json:
        print_json({"scorecard": card.model_dump(mode="json"), "report": report.model_dump(mode="json")})
        return
    _show(report, _lang(lang))


app.command("export")(learn_files.export)
app.command("import")(learn_files.import_)
