"""Accounts on a real database: who belongs together, what stays open, and what people undo."""

import itertools
import json
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine
from typer.testing import CliRunner

from tests.fixtures.system import READY, System, event
from worker import account_finding, rulebooks
from worker.acting import act
from worker.cli.main import app
from worker.handing import hand_over
from worker.now import now
from worker.store import migrate
from worker.store.db import in_transaction

AOBA = {"company": "株式会社青葉製作所", "region": "東京都"}


def said(*arguments: str) -> Any:
    """Run a command with --json and return its document."""
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: str) -> str:
    """Run a command that says no, and return what it says."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 1, result.output
    return result.output


def judged(system: System, *events: dict[str, Any]) -> None:
    """Send events in one batch, and judge them."""
    system.send(events)
    system.drain_here()


def accounts(system: System) -> dict[str, str | None]:
    """Return each lead's account by its producer's key."""
    rows = system.sql(
        "SELECT k.value, l.account_key FROM tasuki.lead_key k JOIN tasuki.lead l USING (lead_id)"
        " WHERE k.kind = 'ma:test' ORDER BY 1"
    )
    return dict(tuple(row) for row in rows)


LEADS = {
    "colleague": event("g", "lead.captured", subject="g", email="saburo@aoba-ss.co.jp", **AOBA),
    "by domain": event("a", "lead.captured", subject="a", email="taro@mail.aoba-ss.co.jp", **AOBA),
    "in English": event("b", "lead.captured", subject="b", email="hana@aoba-ss.co.jp", company="Aoba Manufacturing Co., Ltd."),
    "by name": event("c", "lead.captured", subject="c", email="jiro@gmail.com", company="㈱青葉製作所 情報システム部", region="東京都"),
    "domain alone": event("d", "lead.captured", subject="d", email="info@aoba-ss.co.jp"),
    "elsewhere": event("e", "lead.captured", subject="e", email="e@gmail.com", company="株式会社青葉製作所", region="大阪府"),
    "its holding": event("f", "lead.captured", subject="f", email="f@aoba-ss.co.jp", company="青葉製作所ホールディングス株式会社", region="東京都"),
}  # fmt: skip


@pytest.mark.parametrize("one_by_one", [True, False])
def test_leads_of_one_company_share_an_account(system: System, one_by_one: bool) -> None:
    """Domain, English name, name and place, department: one account; another prefecture and the holding are others."""
    for batch in ([one] for one in LEADS.values()) if one_by_one else [LEADS.values()]:
        judged(system, *batch)
    found = accounts(system)
    assert {found[who] for who in "abcdg"} == {"domain:aoba-ss.co.jp"}
    assert found["e"] not in (None, found["a"])
    assert found["f"] not in (None, found["a"], found["e"])
    assert system.broken() == []
    listed = {(row["one"], row["other"]) for row in said("account", "candidates")}
    assert (found["e"], found["a"]) in listed


def test_the_order_of_arrival_makes_no_other_company(system: System) -> None:
    """A name first, its domain later, and any other order: the same leads are together."""
    names = ("by domain", "by name", "in English")
    for turn, order in enumerate(itertools.permutations(names)):
        batch = []
        for name in order:
            one = json.loads(
                json.dumps(LEADS[name], ensure_ascii=False)
                .replace("aoba-ss", f"aoba{turn}")
                .replace("jiro@", f"jiro{turn}@")
                .replace("青葉製作所", f"青葉製作{turn}所")
            )
            one["id"], one["subject"] = f"{one['id']}-{turn}", f"{one['subject']}-{turn}"
            batch.append(one)
        for one in batch:
            judged(system, one)
    said("account", "candidates")  # makes one what a later lead showed to be one company
    found = accounts(system)
    for turn in range(6):
        assert found[f"a-{turn}"] is not None
        assert found[f"a-{turn}"] == found[f"b-{turn}"] == found[f"c-{turn}"], turn


def test_several_that_fit_are_listed_and_none_is_chosen(system: System) -> None:
    """Two companies of one name in one prefecture: a lead with nothing but that name belongs to neither."""
    numbers = ("5010001000001", "5010001000002")
    judged(system, *(event(n, "lead.captured", corporate_number=n, **AOBA) for n in numbers))
    judged(system, event("x", "lead.captured", email="x@gmail.com", subject="x", **AOBA))
    assert accounts(system)["x"] is None
    lead_id = system.one("SELECT lead_id FROM tasuki.lead WHERE email = 'x@gmail.com'")
    listed = [row for row in said("account", "candidates") if row["one"] == f"lead:{lead_id}"]
    assert [row["other"] for row in listed] == [f"corp:{number}" for number in numbers]
    said("account", "put", "x@gmail.com", f"corp:{numbers[1]}", "--by", "aoki")
    assert accounts(system)["x"] == f"corp:{numbers[1]}"
    judged(system, event("y", "lead.captured", subject="x", email="x@elsewhere.co.jp", company="別会社"))
    assert accounts(system)["x"] == f"corp:{numbers[1]}", "what people said stands"
    assert not [row for row in said("account", "candidates") if row["one"] == f"lead:{lead_id}"]


def test_nobody_shares_an_account_by_mail_that_many_share(system: System) -> None:
    """Free, carriers', providers' and throw-away mail: no company; nor does 個人 make colleagues."""
    hosts = "gmail.com docomo.ne.jp ocn.ne.jp mailinator.com".split()
    judged(
        system,
        *(
            event(f"{h}{n}", "lead.captured", email=f"p{n}@{h}", company="個人")
            for h in hosts
            for n in (1, 2)
        ),
    )
    assert set(accounts(system).values()) == {None}


def test_a_lead_that_changes_its_company_changes_its_account(system: System) -> None:
    """New employer, new account; an event that says the same again changes nothing."""
    judged(system, LEADS["by domain"])
    judged(system, event(2, subject="a", email="taro@mail.aoba-ss.co.jp", **AOBA))
    assert accounts(system)["a"] == "domain:aoba-ss.co.jp"
    judged(
        system,
        event(
            3,
            "lead.captured",
            subject="a",
            email="taro@wakaba.co.jp",
            company="若葉商事株式会社",
            time="2026-11-24T10:30:00+09:00",
        ),
    )
    assert accounts(system)["a"] == "domain:wakaba.co.jp"


def test_the_owner_follows_the_account(system: System) -> None:
    """Who accepts a lead owns its account; a colleague who is known by name alone goes to the same rep."""
    judged(system, event(1, email="bucho@aoba-ss.co.jp", company="株式会社青葉製作所", **READY))
    in_transaction(lambda c: hand_over(c, "enterprise_east", rulebooks.current(c), now()))
    assignment, rep = system.sql("SELECT assignment_id, rep FROM tasuki.assignment")[0]
    in_transaction(lambda c: act(c, assignment, "accept", rulebooks.current(c), now()))
    judged(system, event(2, email="kacho@gmail.com", company="青葉製作所㈱", **READY))
    assert system.sql("SELECT strategy, owner FROM tasuki.waiting") == [("owner", rep)]
    assert said("account", "show", "aoba-ss.co.jp")["owner"] == rep


def test_accounts_are_merged_and_parted_again(system: System) -> None:
    """A merge moves leads, identities and owner; its undo brings them back; each only once."""
    judged(
        system,
        event(1, "lead.captured", subject="a", email="a@aoba.co.jp", company="青葉製作所", region="東京都"),
        event(
            2, "lead.captured", subject="b", email="b@aoba-net.jp", company="アオバネット", region="東京都"
        ),
    )
    before = system.sql(
        "SELECT kind, value, place, form, account_key FROM tasuki.account_identity ORDER BY 1, 2, 5"
    )
    system.do("INSERT INTO tasuki.account VALUES ('domain:aoba-net.jp', 'kato_daichi', now())")
    merge_id = said("account", "merge", "aoba.co.jp", "aoba-net.jp", "--by", "aoki")["merge_id"]
    assert set(accounts(system).values()) == {"domain:aoba.co.jp"}
    assert system.sql("SELECT account_key, owner FROM tasuki.account") == [
        ("domain:aoba.co.jp", "kato_daichi")
    ]
    judged(system, event(3, "lead.captured", subject="c", email="c@aoba-net.jp"))
    assert accounts(system)["c"] == "domain:aoba.co.jp"
    assert "one account already" in refused("account", "merge", "aoba.co.jp", "aoba-net.jp")

    assert said("account", "split", "--merge", str(merge_id))["account"] == "domain:aoba-net.jp"
    assert system.sql("SELECT account_key, owner FROM tasuki.account") == [
        ("domain:aoba-net.jp", "kato_daichi")
    ]
    assert accounts(system)["a"] == "domain:aoba.co.jp"
    assert accounts(system)["b"] == "domain:aoba-net.jp"
    after = system.sql(
        "SELECT kind, value, place, form, account_key FROM tasuki.account_identity ORDER BY 1, 2, 5"
    )
    assert after == before
    assert "was undone" in refused("account", "split", "--merge", str(merge_id))
    assert system.broken() == []


def test_a_group_on_one_domain_is_parted_by_name(system: System) -> None:
    """Part of an account becomes one of its own, with the leads that say so."""
    judged(
        system,
        event(1, "lead.captured", subject="a", corporate_number="5010001000001", company="青葉電鉄"),
        event(2, "lead.captured", subject="b", email="b@gmail.com", company="青葉電鉄バス", region="東京都"),
    )
    said("account", "merge", "corp:5010001000001", "青葉電鉄バス")
    assert accounts(system)["b"] == "corp:5010001000001"
    new = said("account", "split", "corp:5010001000001", "--take", "name=青葉電鉄バス")
    assert new["leads"] == 1
    assert accounts(system) == {"a": "corp:5010001000001", "b": new["account"]}
    assert "name some, and not all" in refused(
        "account", "split", "corp:5010001000001", "--take", "name=nobody"
    )


def test_likely_ones_are_proposed_and_never_merged(system: System) -> None:
    """A typing error in one prefecture is shown to people once; look-alikes elsewhere are not."""
    judged(
        system,
        event(1, "lead.captured", email="a@gmail.com", company="みなと物流サービス", region="東京都"),
        event(2, "lead.captured", email="b@gmail.com", company="みなと物琉サービス", region="東京都"),
        event(3, "lead.captured", email="c@gmail.com", company="みなと物産サービス", region="大阪府"),
    )
    system.do("UPDATE tasuki.account_identity SET seen_at = seen_at - interval '5 minutes'")
    listed = said("account", "candidates")
    assert [(row["because"], row["score"] >= 80) for row in listed] == [("alike", True)]
    assert len(set(accounts(system).values())) == 3
    said("account", "apart", listed[0]["one"], listed[0]["other"])
    assert said("account", "candidates") == []
    assert in_transaction(lambda c: account_finding.propose(c, now())) == 0


def test_alike_names_are_found_among_many_that_begin_and_end_alike(system: System) -> None:
    """A typing error in the first letter or in the middle, among hundreds of names of the same beginning or ending."""
    judged(
        system,
        event(1, "lead.captured", email="a@gmail.com", company="みなと物流サービス", region="東京都"),
        event(2, "lead.captured", email="b@gmail.com", company="みなと物琉サービス", region="東京都"),
        event(3, "lead.captured", email="c@gmail.com", company="信州電子計測", region="長野県"),
        event(4, "lead.captured", email="d@gmail.com", company="新州電子計測", region="長野県"),
    )
    system.do(
        "INSERT INTO tasuki.account_identity (kind, value, place, account_key, seen_at)"
        " SELECT 'name', head || n || tail, 'JP-13', 'name:' || head || n || tail, now() - interval '1 day'"
        " FROM generate_series(1, 300) n, (VALUES ('みなと', '商事'), ('相模', '計測')) AS v(head, tail)"
    )
    system.do("UPDATE tasuki.account_identity SET seen_at = seen_at - interval '5 minutes'")
    while in_transaction(lambda c: account_finding.propose(c, now())):
        pass
    of = dict(system.sql("SELECT email, account_key FROM tasuki.lead"))
    found = {(row["one"], row["other"]) for row in said("account", "candidates", "--limit", "10000")}
    for pair in (("a@gmail.com", "b@gmail.com"), ("c@gmail.com", "d@gmail.com")):
        one, other = sorted(of[email] for email in pair)
        assert (one, other) in found


def test_accounts_of_before_are_still_known(system: System) -> None:
    """A live upgrade: leads and owners of the first schema meet new colleagues of theirs."""
    url = system.servers.create_database("accounts_before")
    try:
        command.upgrade(migrate._config(url), "20261123_first")
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO tasuki.lead (lead_id, account_key, lifecycle_stage, rulebook_version, state, created_at,"
                " updated_at) VALUES (1, 'domain:aoba.co.jp', 'nurture', 1, '{}', now(), now()),"
                " (2, 'corp:5010001000001', 'nurture', 1, '{}', now(), now()), (3, NULL, 'nurture', 1, '{}', now(), now())"
            )
            connection.exec_driver_sql(
                "INSERT INTO tasuki.account VALUES ('name:青葉:x', 'kato_daichi', now())"
            )
        migrate.upgrade(url)
        with engine.begin() as connection:
            rows = connection.exec_driver_sql(
                "SELECT kind, value, account_key FROM tasuki.account_identity ORDER BY 3"
            )
            assert [tuple(row) for row in rows] == [
                ("corporate_number", "5010001000001", "corp:5010001000001"),
                ("domain", "aoba.co.jp", "domain:aoba.co.jp"),
                ("name", "青葉:x", "name:青葉:x"),
            ]
        engine.dispose()
    finally:
        system.servers.drop_database("accounts_before")
