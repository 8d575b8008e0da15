"""`tasuki lead`: one lead, its decisions with their reasons, and whether sales may contact it."""

from pathlib import Path
from typing import Annotated

import typer

from routing_rules.origins import origins
from routing_rules.outreach import CHANNELS
from worker import rulebooks
from worker.cli.bulk_options import EncodingOption
from worker.cli.call_list import call_list
from worker.cli.common import (
    REFUSED,
    USAGE,
    JsonFlag,
    command,
    console,
    fail,
    language,
    print_json,
)
from worker.cli.lead_explain import explain_decisions, explain_lead
from worker.cli.lead_show import show_lead
from worker.explaining import held_words
from worker.looking import ask_gate, look_at_lead, opportunities
from worker.names import name_of
from worker.now import now_ms
from worker.screen import safe
from worker.store import leads
from worker.store.db import transaction
from worker.store.rows import utc_ms

app = typer.Typer(help="One lead: what is known, what was decided and why.", no_args_is_help=True)


Who = Annotated[str, typer.Argument(help="Lead number, e-mail address, or the producer's own key.")]


@app.command("show")
@command
def show(
    who: Who, lang: Annotated[str, typer.Option(help="ja or en.")] = "en", as_json: JsonFlag = False
) -> None:
    """Show a lead: who it is, how it stands and why it waits, its assignments with their clocks, newest events.

    Example: tasuki lead show hanako.sato@example.co.jp --lang ja
    """
    words = language(lang)
    with transaction() as connection:
        lead = look_at_lead(connection, who)
        row = leads.read_lead(connection, lead["lead_id"])
        assert row is not None  # noqa: S101 - it was just found
        loaded = rulebooks.current(connection)
        lead["nurture"] = held_words(row, loaded)
    facts = origins(row.state, row.standing, now_ms(), row.account_owner)
    lead["name"] = name_of(row.state)
    lead["account"] = row.account_key
    lead["facts"] = [
        {"field": one.field, "value": one.value, "source": one.source, "at": utc_ms(one.at_ms)}
        for one in facts
    ]
    lead["opportunities"] = opportunities(row.state)
    if as_json:
        print_json(lead)
        return
    show_lead(lead, loaded, words)


@app.command("explain")
@command
def explain(
    who: Who,
    lang: Annotated[str, typer.Option(help="ja or en.")] = "en",
    decision: Annotated[
        int | None, typer.Option(help="One decision in full, by its number; 0 for every one.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Explain a lead: the judgement now, and every decision with its reasons and what was missing.

    For example:

      tasuki lead explain hanako.sato@example.co.jp --lang ja

      tasuki lead explain hanako.sato@example.co.jp --decision 0
    """
    words = language(lang)
    if decision is not None:
        explain_decisions(who, decision, words, as_json=as_json)
        return
    explain_lead(who, words, as_json=as_json)


@app.command("gate")
@command
def gate(
    who: Annotated[
        str | None, typer.Argument(help="Lead number, e-mail address, or the producer's own key.")
    ] = None,
    rep: Annotated[str | None, typer.Option(help="The rep who asks; without it, sales as a whole.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only this channel: phone or email.")] = None,
    people: Annotated[
        Path | None,
        typer.Option("--csv", help="A call list: a CSV with a column email, phone, lead_id or ma_id."),
    ] = None,
    out: Annotated[
        str, typer.Option(help="Where the list goes with its verdicts; - for standard output.")
    ] = "-",
    encoding: EncodingOption = None,
    lang: Annotated[str, typer.Option(help="ja or en.")] = "en",
    as_json: JsonFlag = False,
) -> None:
    """May sales contact this person now, and why (not)? Exit 0 yes, 1 no.

    With --csv, every row of a call list is answered, and the exit is 0.

    For example:

      tasuki lead gate hanako.sato@example.co.jp --rep suzuki_haruka --channel phone

      tasuki lead gate --csv calls.csv --out checked.csv --lang ja
    """
    words = language(lang)
    if channel not in (None, *CHANNELS):
        raise fail(f"there is no channel {channel}; there are {', '.join(CHANNELS)}", USAGE)
    if (who is None) == (people is None):
        raise fail("name a person, or a list with --csv; one of the two", USAGE)
    if rep is not None:
        with transaction() as connection:
            rulebooks.require_rep(rep, rulebooks.current(connection).team.reps)
    if people is not None:
        call_list(people, out, encoding=encoding, rep=rep, channel=channel, lang=words, as_json=as_json)
        return
    with transaction() as connection:
        answer = ask_gate(connection, who or "", rep, channel, words)
    by_channel = answer.pop("channel_words")
    if as_json:
        print_json(answer)
    else:
        colour = "green" if answer["may_contact"] else "red"
        console.print(f"[{colour}]{safe(answer['words'])}[/{colour}]", soft_wrap=True)
        for line in by_channel:
            console.print("  " + safe(line), soft_wrap=True)
    if not answer["may_contact"]:
        raise typer.Exit(REFUSED)
