"""`tasuki learn propose` and `tasuki learn evaluate`: what past hand-overs speak for, and the same fit on other tables."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from routing_rules.counted import counted
from worker.cli.common import JsonFlag, command, command_alone, console, print_json
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
from worker.now import now
from worker.screen import safe
from worker.store.db import transaction


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
        found = own.read(connection, until_of(until), timedelta(days=horizon_days))
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
            f"{number}. {safe(one['words'][lang_of(lang)])} ({one['file']}, line {one['line']})",
            soft_wrap=True,
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
    need_scikit_learn()
    from worker.learn import outside, references, reporting

    chosen = outside.read_spec(spec)
    table = outside.read_table(file, chosen)
    held_out = None if against is None else outside.read_table(against, chosen)
    card, report = reporting.learn(
        table, held_out=held_out, references=references.REFERENCES, refit_every=refit_every
    )
    report = report.model_copy(update={"made_at": now()})
    if html is not None:
        write_page(html, report, card, None, lang_of(lang))
    if as_json:
        print_json({"scorecard": card.model_dump(mode="json"), "report": report.model_dump(mode="json")})
        return
    show(report, lang_of(lang))
