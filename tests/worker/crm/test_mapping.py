"""What is written to which field: the policies, the file with its errors, and names in their order."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from routing_rules.fold import fold
from schemas.errors import RulebookError
from schemas.lead import LeadState
from schemas.understanding import understand
from tests.fixtures.hubspot_double import PROPERTIES
from tests.fixtures.salesforce_double import FIELDS
from tests.fixtures.system import MORNING_MS, event
from worker.crm import defaults
from worker.crm.card import FACTS
from worker.crm.mapping import CrmMapping, FieldSpec, Write, digest, fill, parse, plain
from worker.names import full_name, split_name


@pytest.mark.parametrize("crm", defaults.OF)
def test_the_defaults_are_valid_and_name_facts_that_there_are(crm: str) -> None:
    """As a file they would pass; every field that is written is one that the API knows."""
    mapping = CrmMapping.model_validate(defaults.OF[crm])
    for name, fields in mapping.objects.items():
        for field, spec in fields.items():
            assert spec is not None
            assert spec.fact in FACTS
            assert field in (PROPERTIES if crm == "hubspot" else FIELDS[name])


@pytest.mark.parametrize(
    "write, has, last, sent",
    [
        ("always", "old", None, True), ("always", "new", None, False), ("always", None, None, True),
        ("if_empty", "old", None, False), ("if_empty", "", None, True), ("if_empty", "(none)", None, True),
        ("on_change", "old", None, True), ("on_change", "human", "new", False), ("on_change", "human", "old", True),
        ("on_change", "new", "old", False),
    ],
)  # fmt: skip
def test_policy_decides_what_is_sent(write: Write, has: str | None, last: str | None, sent: bool) -> None:
    """`has` stands in the CRM, `last` is what Tasuki wrote last, and its word is now `new`."""
    spec = FieldSpec(fact="title", write=write, otherwise="(none)")
    written = {} if last is None else {"F": digest(last)}
    send, digests = fill({"F": spec}, {"title": "new"}, {"F": has}, written)

    assert send == ({"F": "new"} if sent else {})
    assert digests == ({"F": digest("new")} if sent or has == "new" else {})


def test_what_tasuki_no_longer_says_is_taken_out_only_if_it_was_tasukis() -> None:
    """A track that the lead left is emptied; a title that nobody told us stands."""
    fields = {
        "T": FieldSpec(fact="track"),
        "J": FieldSpec(fact="title", write="if_empty"),
        "U": FieldSpec(fact="link"),
    }
    send, _ = fill(
        fields, {}, {"T": "basics", "J": "CEO", "U": "theirs"}, {"T": digest("basics"), "J": digest("CEO")}
    )

    assert send == {"T": None}


@pytest.mark.parametrize(
    "has, wants, backwards, sent",
    [
        ("lead", "opportunity", False, True), ("customer", "opportunity", False, False), (None, "lead", False, True),
        ("customer", "lead", True, True), ("their_own_stage", "lead", False, False),
    ],
)  # fmt: skip
def test_a_lifecycle_stage_goes_forward(has: str | None, wants: str, backwards: bool, sent: bool) -> None:
    """To an earlier one only where the mapping says so; a customer's own stage is never passed over."""
    spec = {"s": FieldSpec(fact="lifecycle", write="forward")}
    send, _ = fill(spec, {"lifecycle": wants}, {"s": has}, {}, backwards=backwards)

    assert bool(send) is sent


@pytest.mark.parametrize(
    "one, other",
    [
        (60, 60.0), ("60", 60), ("2026-11-24T02:00:00+00:00", "2026-11-24T11:00:00.000+0900"), (" a ", "a"), (None, ""),
        (True, "true"),
    ],
)  # fmt: skip
def test_two_spellings_of_one_value_are_one(one: Any, other: Any) -> None:
    """CRMs give numbers as text and instants in their own form: that is no change."""
    assert plain(one) == plain(other)


def test_text_is_cut_to_the_field() -> None:
    """And an empty text says nothing."""
    send, _ = fill(
        {"F": FieldSpec(fact="title", max=3), "G": FieldSpec(text="x")}, {"title": "部長代理"}, None, {}
    )

    assert send == {"F": "部長代", "G": "x"}


def test_a_file_changes_what_it_names_and_nothing_else() -> None:
    """Fields by name, statuses by key; null leaves a field alone."""
    text = """
objects:
  Lead:
    Phone: null
    LeadSource: {text: Tasuki, write: if_empty}
    Title: {fact: department}
status: {mql: New, won: null}
language: en
"""
    mapping = parse("salesforce", "crm.yaml", text)

    assert mapping.objects["Lead"]["Phone"] is None
    assert mapping.objects["Lead"]["Title"] == FieldSpec(fact="department")
    assert mapping.objects["Lead"]["LastName"] == CrmMapping.model_validate(
        defaults.OF["salesforce"]
    ).objects["Lead"]["LastName"]  # fmt: skip
    assert (mapping.status["mql"], mapping.status["sal"]) == ("New", "Open - Not Contacted")
    assert "Title" in mapping.objects["Contact"]
    assert mapping.language == "en"


@pytest.mark.parametrize(
    "text, place, words",
    [
        ("objects:\n  Lead:\n    Phone: {fact: fone}\n", "crm.yaml:3:13", "did you mean phone?"),
        ("objects:\n  Lead:\n    Phone: {}\n", "crm.yaml:3:5", "either `fact` or `text`"),
        ("objects:\n  Leads: {}\n", "crm.yaml:2:3", "there is Lead, Contact"),
        ("objects:\n  Lead:\n    Phone: {fact: phone, write: never}\n", "crm.yaml:3:26", "if_empty"),
        ("status:\n  mql2: New\n", "crm.yaml:2:3", "mql"),
        ("duplicate: allow\n", "crm.yaml:1:1", "duplicate"),
        ("users:\n  sato: 005\n  sato: 006\n", "crm.yaml:3:3", "twice"),
        ("objects:\n  Lead:\n    Phone: {fact: phone, write: forward}\n", "crm.yaml:3:26", "lifecycle"),
        ("- a\n", "crm.yaml:1:1", ""),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_its_place(text: str, place: str, words: str) -> None:
    """File, line, column and what would be right."""
    with pytest.raises(RulebookError) as refused:
        parse("salesforce", "crm.yaml", text)

    assert place in str(refused.value)
    assert words in str(refused.value)


def _state(**said: Any) -> LeadState:
    state = LeadState()
    document = event(1, "lead.captured", **said)
    fold(state, understand(document, datetime.fromtimestamp(MORNING_MS / 1000, UTC)).flat(), MORNING_MS)
    return state


@pytest.mark.parametrize(
    "said, family, given, full",
    [
        ({"family_name": "佐藤", "given_name": "花子"}, "佐藤", "花子", "佐藤 花子"),
        ({"name": "佐藤 花子"}, "佐藤", "花子", "佐藤 花子"), ({"name": "佐藤　花子"}, "佐藤", "花子", "佐藤 花子"),
        ({"name": "佐藤花子"}, "佐藤花子", None, "佐藤花子"), ({"name": "𠮷田 髙子"}, "𠮷田", "髙子", "𠮷田 髙子"),
        ({"name": "ﾔﾏﾀﾞ ﾀﾛｳ"}, "ﾔﾏﾀﾞ", "ﾀﾛｳ", "ﾔﾏﾀﾞ ﾀﾛｳ"), ({"name": "Hanako Sato"}, "Sato", "Hanako", "Hanako Sato"),
        ({"name": "SATO Hanako"}, "SATO", "Hanako", "Hanako SATO"), ({"name": "HANAKO SATO"}, "SATO", "HANAKO", "HANAKO SATO"),
        ({"name": "Maria del Carmen Lopez"}, "Maria del Carmen Lopez", None, "Maria del Carmen Lopez"),
        ({"family_name": "Sato", "name": "佐藤 花子"}, "Sato", None, "Sato"), ({"name": "김 민수"}, "김", "민수", "김 민수"),
        ({}, None, None, None),
    ],
)  # fmt: skip
def test_names_go_to_their_fields_and_are_said_in_their_order(
    said: dict[str, str], family: str | None, given: str | None, full: str | None
) -> None:
    """Family name first in Japanese, given name first in Latin letters, and never a guess."""
    assert split_name(_state(**said)) == (family, given)
    assert full_name(family, given) == full


def test_every_field_fact_and_key_is_documented() -> None:
    """docs/crm.md names each fact, each key of the mapping, and each field that has to be made."""
    page = (Path(__file__).parents[3] / "docs" / "crm.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert rows >= FACTS.keys()
    assert rows >= CrmMapping.model_fields.keys()
    made = {field for crm in defaults.OF.values() for fields in crm["objects"].values() for field in fields
            if field.lower().startswith("tasuki_")}  # fmt: skip
    assert [field for field in made if f"`{field}`" not in page] == []


def test_the_example_in_the_page_is_a_mapping() -> None:
    """What docs/crm.md shows as a file is accepted."""
    page = (Path(__file__).parents[3] / "docs" / "crm.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert parse("salesforce", "crm.yaml", text).status["nurture"] == "Nurturing"
