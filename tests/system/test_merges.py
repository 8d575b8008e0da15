"""Two leads made one by events or by people, and parted again: nothing is lost, and the promises hold."""

import json
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fixtures.system import READY, System, event
from worker import rulebooks
from worker.acting import act
from worker.cli.main import app
from worker.handing import hand_over
from worker.now import now
from worker.store import outreach
from worker.store.db import in_transaction, transaction

LATER = "2026-11-24T10:30:00+09:00"


def said(*arguments: str) -> Any:
    """Run a command with --json and return its document."""
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def judged(system: System, *events: dict[str, Any]) -> None:
    """Send events in one batch, and judge them."""
    system.send(events)
    system.drain_here()


def leads(system: System) -> dict[str, Any]:
    """Return the lead of each identity key."""
    return {
        f"{kind}={value}": lead
        for kind, value, lead in system.sql("SELECT kind, value, lead_id FROM tasuki.lead_key")
    }


def state_of(system: System, lead_id: int) -> tuple[Any, ...]:
    """Return what is known and thought of a lead."""
    return tuple(system.sql(
        "SELECT state, lifecycle_stage, email, company, fit, engagement, merged_into FROM tasuki.lead WHERE lead_id = :i",
        i=lead_id,
    )[0])  # fmt: skip


def two_leads(system: System) -> None:
    """Let an MA platform know one person, and a form another."""
    judged(
        system,
        event(1, "lead.captured", subject="m1", company="青葉製作所", title="課長"),
        event(2, subject="m1", activity="pricing_view"),
        event(
            3, "lead.captured", subject="hana@aoba.co.jp", company="青葉商事", activity="whitepaper_download"
        ),
        event(4, subject="hana@aoba.co.jp", activity="webinar_attended"),
    )


MEETING = event(5, "lead.captured", subject="m1", email="hana@aoba.co.jp", title="部長", time=LATER)


def test_a_merge_by_an_event_is_undone(system: System) -> None:
    """Each side gets its keys, events and state back; what named both is the first key's; it is not merged again."""
    two_leads(system)
    before = leads(system)
    one, other = before["ma:test=m1"], before["email=hana@aoba.co.jp"]
    theirs = state_of(system, other)
    judged(system, MEETING)
    assert set(leads(system).values()) == {min(one, other)}
    merge_id = said("lead", "candidates", "--merges")[0]["merge_id"]

    assert sorted(said("lead", "unmerge", str(merge_id), "--by", "aoki")["leads"]) == sorted((one, other))
    assert leads(system) == before
    assert state_of(system, other) == theirs
    assert json.loads(state_of(system, one)[0])["facts"]["title"][1] == "部長"
    assert system.sql("SELECT event_id, lead_id FROM tasuki.event ORDER BY 1") == [
        ("e1", one), ("e2", one), ("e3", other), ("e4", other), ("e5", one)
    ]  # fmt: skip
    assert system.broken() == []
    judged(system, {**MEETING, "id": "e6"}, event(7, subject="hana@aoba.co.jp", activity="pricing_view"))
    assert leads(system) == before, "people said that they are two"
    assert system.sql("SELECT event_id, lead_id FROM tasuki.event WHERE event_id > 'e5' ORDER BY 1") == [
        ("e6", one),
        ("e7", other),
    ]
    assert said("lead", "candidates") == []
    assert system.broken() == []


def test_an_undo_is_done_once(system: System) -> None:
    """The second time it is refused, and says who did it."""
    two_leads(system)
    judged(system, MEETING)
    merge_id = said("lead", "candidates", "--merges")[0]["merge_id"]
    said("lead", "unmerge", str(merge_id), "--by", "aoki")
    after = system.sql("SELECT lead_id, state, lifecycle_stage FROM tasuki.lead ORDER BY 1")
    again = CliRunner().invoke(app, ["lead", "unmerge", str(merge_id)])
    assert again.exit_code == 1
    assert "aoki" in again.output
    assert system.sql("SELECT lead_id, state, lifecycle_stage FROM tasuki.lead ORDER BY 1") == after
    assert CliRunner().invoke(app, ["lead", "unmerge", "4711"]).exit_code == 1


def test_what_came_since_goes_by_its_keys(system: System) -> None:
    """Events after the merge, and keys that only they brought, go where identifying would have put them."""
    two_leads(system)
    one, other = leads(system)["ma:test=m1"], leads(system)["email=hana@aoba.co.jp"]
    said("lead", "merge", "m1", "hana@aoba.co.jp", "--by", "aoki")
    judged(
        system,
        event(10, subject="hana@aoba.co.jp", activity="demo_request", time=LATER),
        event(11, subject="m1", activity="case_study_view", time=LATER),
        {**event(12, "lead.captured", subject="crm-9", email="hana@aoba.co.jp", time=LATER), "source": "crm"},
        {**event(13, subject="crm-9", time=LATER), "source": "crm"},
    )
    said("lead", "unmerge", str(said("lead", "candidates", "--merges")[0]["merge_id"]))
    where = dict(
        system.sql("SELECT event_id, lead_id FROM tasuki.event WHERE event_id >= 'e10' AND event_id < 'e2'")
    )
    assert where == {"e10": other, "e11": one, "e12": other, "e13": other}
    assert leads(system)["ma:crm=crm-9"] == other
    assert system.broken() == []


def test_merges_are_undone_the_newest_first(system: System) -> None:
    """A lead that took in two gives back the last one first."""
    two_leads(system)
    judged(system, event(20, "lead.captured", subject="m2", company="若葉商事"))
    said("lead", "merge", "m1", "hana@aoba.co.jp")
    said("lead", "merge", "m1", "m2")
    newest, first = (row["merge_id"] for row in said("lead", "candidates", "--merges"))
    refused = CliRunner().invoke(app, ["lead", "unmerge", str(first)])
    assert refused.exit_code == 1
    assert str(newest) in refused.output
    for merge_id in (newest, first):
        said("lead", "unmerge", str(merge_id))
    assert len(set(leads(system).values())) == 3
    assert system.broken() == []


def test_a_number_leads_through_merges_to_the_lead_that_is_left(system: System) -> None:
    """Told in a notice long ago: it shows whom the person is now, and asks the gate about that one."""
    two_leads(system)
    judged(system, event(40, "lead.captured", subject="m9", source="other", email="boss@aoba.co.jp"))
    last, middle = leads(system)["ma:test=m1"], leads(system)["email=hana@aoba.co.jp"]
    first = leads(system)["email=boss@aoba.co.jp"]
    said("lead", "merge", str(middle), str(first))
    said("lead", "merge", str(last), str(middle))
    assert said("lead", "show", str(first))["lead_id"] == last
    with transaction() as connection:
        assert outreach.by_numbers(connection, [first, middle, last]) == dict.fromkeys(
            (first, middle, last), last
        )


def test_sales_tried_the_person_and_not_a_number(system: System) -> None:
    """Called yesterday as the lead that was taken in: the gate counts it for the one that is left."""
    two_leads(system)
    judged(system, event(30, subject="hana@aoba.co.jp", phone="03-5555-0101", **READY))
    in_transaction(lambda c: hand_over(c, "enterprise_east", rulebooks.current(c), now()))
    number, gone = system.sql("SELECT assignment_id, lead_id FROM tasuki.assignment")[0]
    in_transaction(lambda c: act(c, number, "contacted", rulebooks.current(c), now()))
    in_transaction(lambda c: act(c, number, "recycle", rulebooks.current(c), now(), reason="not_now"))
    kept = leads(system)["ma:test=m1"]
    said("lead", "merge", str(kept), str(gone))
    with transaction() as connection:
        assert list(outreach.tried(connection, [kept], now() - timedelta(days=1))) == [kept]


@pytest.mark.parametrize("ready", ["m1", "hana@aoba.co.jp"])
def test_the_reps_work_goes_back_where_it_came_from(system: System, ready: str) -> None:
    """The lead that a rep had accepted is theirs after a merge and after its undo; the other is judged anew."""
    two_leads(system)
    judged(system, event(30, subject=ready, phone="03-5555-0101", **READY))
    in_transaction(lambda c: hand_over(c, "enterprise_east", rulebooks.current(c), now()))
    assignment, lead_id = system.sql("SELECT assignment_id, lead_id FROM tasuki.assignment")[0]
    in_transaction(lambda c: act(c, assignment, "accept", rulebooks.current(c), now()))
    said("lead", "merge", "m1", "hana@aoba.co.jp")
    assert system.one("SELECT count(*) FROM tasuki.assignment WHERE ended_at IS NULL") == 1
    assert system.broken() == []
    said("lead", "unmerge", str(said("lead", "candidates", "--merges")[0]["merge_id"]))
    assert system.sql("SELECT assignment_id, lead_id FROM tasuki.assignment WHERE ended_at IS NULL") == [
        (assignment, lead_id)
    ]
    assert (
        system.sql("SELECT lifecycle_stage FROM tasuki.lead ORDER BY lead_id = :i", i=lead_id)[-1][0] == "sal"
    )
    assert system.broken() == []


def who_had(system: System) -> dict[int, list[str]]:
    """Return who let each lead pass that stands in a line or is with a rep."""
    rows = system.sql(
        "SELECT lead_id, had FROM tasuki.waiting UNION ALL"
        " SELECT lead_id, had FROM tasuki.assignment WHERE ended_at IS NULL"
    )
    return {row.lead_id: row.had for row in rows}


@pytest.mark.parametrize("taken_by_a_rep", ["neither", "m1", "hana@aoba.co.jp"])
def test_each_lead_gets_those_back_who_let_it_pass(system: System, taken_by_a_rep: str) -> None:
    """Merged, who let either pass let the person pass; two again, each lead is new to whom only the other was offered."""
    two_leads(system)
    judged(
        system,
        event(30, subject="m1", phone="03-5555-0101", **READY),
        event(31, subject="hana@aoba.co.jp", phone="03-5555-0101", **READY),
    )
    mine, theirs = (system.one("SELECT lead_id FROM tasuki.lead_key WHERE value = :v", v=v) for v in ("m1", "hana@aoba.co.jp"))  # fmt: skip
    before = {mine: ["ann", "both"], theirs: ["bob", "both"]}
    for lead_id, had in before.items():
        system.do("UPDATE tasuki.waiting SET had = cast(:h AS text[]) WHERE lead_id = :l", h=had, l=lead_id)
    taken = {"m1": mine, "hana@aoba.co.jp": theirs}.get(taken_by_a_rep)
    if taken is not None:
        system.do("CREATE TABLE aside AS SELECT * FROM tasuki.waiting WHERE lead_id <> :l", l=taken)
        system.do("DELETE FROM tasuki.waiting WHERE lead_id <> :l", l=taken)
        in_transaction(lambda c: hand_over(c, "enterprise_east", rulebooks.current(c), now()))
        number = system.one("SELECT assignment_id FROM tasuki.assignment")
        in_transaction(lambda c: act(c, number, "accept", rulebooks.current(c), now()))
        system.do("INSERT INTO tasuki.waiting SELECT * FROM aside")
    assert who_had(system) == before
    said("lead", "merge", "m1", "hana@aoba.co.jp")
    assert who_had(system) == {mine: ["ann", "bob", "both"]}
    said("lead", "unmerge", str(said("lead", "candidates", "--merges")[0]["merge_id"]))
    assert who_had(system) == before
    assert system.broken() == []


def test_who_was_offered_the_one_lead_knows_both(system: System) -> None:
    """Bob let the second pass, and was offered the person since: no lead of the two is new to him."""
    two_leads(system)
    judged(system, *(event(30 + n, subject=who, phone="03-5555-0101", **READY) for n, who in enumerate(("m1", "hana@aoba.co.jp"))))  # fmt: skip
    mine, theirs = (system.one("SELECT lead_id FROM tasuki.lead_key WHERE value = :v", v=v) for v in ("m1", "hana@aoba.co.jp"))  # fmt: skip
    system.do("UPDATE tasuki.waiting SET had = '{bob,eve}' WHERE lead_id = :l", l=theirs)
    said("lead", "merge", "m1", "hana@aoba.co.jp")
    system.do(
        "INSERT INTO tasuki.assignment (lead_id, rep, pool, rule, strategy, sla, ready_at, offered_at, ended_at,"
        " end_reason, rulebook_version) SELECT lead_id, 'bob', pool, rule, strategy, sla, :at, :at, :at, 'breached',"
        " rulebook_version FROM tasuki.waiting", at=now() + timedelta(minutes=1),
    )  # fmt: skip
    said("lead", "unmerge", str(said("lead", "candidates", "--merges")[0]["merge_id"]))
    assert who_had(system) == {mine: ["bob"], theirs: ["bob", "eve"]}


def test_what_a_rep_said_of_one_holds_for_the_person(system: System) -> None:
    """Cool-down, recycle count and who declined come with a merge, and go with its undo."""
    two_leads(system)
    judged(system, event(30, subject="hana@aoba.co.jp", phone="03-5555-0101", **READY))
    in_transaction(lambda c: hand_over(c, "enterprise_east", rulebooks.current(c), now()))
    number, other, rep = system.sql("SELECT assignment_id, lead_id, rep FROM tasuki.assignment")[0]
    in_transaction(lambda c: act(c, number, "decline", rulebooks.current(c), now(), reason="not_now"))
    until = system.one("SELECT cool_down_until FROM tasuki.lead WHERE lead_id = :l", l=other)
    assert until is not None
    said("lead", "merge", "m1", "hana@aoba.co.jp")
    kept = system.one("SELECT min(lead_id) FROM tasuki.lead WHERE merged_into IS NULL")
    row = "SELECT recycle_count, cool_down_until FROM tasuki.lead WHERE lead_id = :l"
    assert kept != other
    assert system.sql(row, l=kept) == [(1, until)]
    assert system.sql("SELECT a.rep FROM tasuki.assignment a WHERE a.end_reason = 'declined'"
                      " AND a.lead_id IN (SELECT tasuki.one_person(:l))", l=kept) == [(rep,)]  # fmt: skip
    system.do(
        "INSERT INTO tasuki.assignment (lead_id, rep, pool, rule, strategy, sla, ready_at, offered_at, ended_at,"
        " end_reason, rulebook_version) SELECT :l, rep, pool, rule, strategy, sla, :at, :at, :at, 'overtaken',"
        " rulebook_version FROM tasuki.assignment", l=kept, at=now() + timedelta(minutes=1),
    )  # fmt: skip
    assert any("declined the same person" in one for one in system.broken())
    system.do("DELETE FROM tasuki.assignment WHERE lead_id = :l", l=kept)
    said("lead", "unmerge", str(said("lead", "candidates", "--merges")[0]["merge_id"]))
    assert system.sql(row, l=kept) == [(0, None)]
    assert system.sql(row, l=other) == [(1, until)]
    assert system.broken() == []


def test_one_phone_and_one_name_are_shown_to_people(system: System) -> None:
    """The same phone and name in other writing is a candidate; a colleague at the same phone is not."""
    judged(
        system,
        event(1, "lead.captured", email="a@gmail.com", name="佐藤 花子", phone="03-5555-0101"),
        event(
            2,
            "lead.captured",
            email="b@aoba.co.jp",
            family_name="佐藤",
            given_name="花子",
            phone="+81 3 5555 0101",
        ),
        event(3, "lead.captured", email="c@aoba.co.jp", name="鈴木 一郎", phone="０３（５５５５）０１０１"),
        event(4, "lead.captured", email="d@aoba.co.jp", name="佐藤 花子", phone="ask me"),
    )
    found = said("lead", "candidates", "--find")
    assert [(row["email_a"], row["email_b"], row["because"]) for row in found] == [
        ("a@gmail.com", "b@aoba.co.jp", "phone_and_name")
    ]
    assert len(said("lead", "candidates", "--find")) == 1
    said("lead", "apart", "b@aoba.co.jp", "a@gmail.com")
    assert said("lead", "candidates", "--find") == []
    assert len(set(leads(system).values())) == 4


def test_facts_are_shown_with_source_and_time(system: System) -> None:
    """`lead show` says of each fact who says so, and when."""
    judged(
        system,
        event(
            1,
            "lead.captured",
            email="a@aoba.co.jp",
            title="情報システム部長",
            phone="045-555-0101",
            industry="G39",
        ),
    )
    facts = {
        row["field"]: (row["value"], row["source"]) for row in said("lead", "show", "a@aoba.co.jp")["facts"]
    }
    assert facts["person.title"] == ("情報システム部長", "declared")
    assert facts["person.seniority"] == ("head", "title table")
    assert facts["company.region"] == ("JP-14", "phone")
    assert facts["company.domain"] == ("aoba.co.jp", "email")
    assert facts["company.sector"] == ("information", "industry table")
    assert all(
        row["at"].startswith("2026-11-24T01:00") for row in said("lead", "show", "a@aoba.co.jp")["facts"]
    )
