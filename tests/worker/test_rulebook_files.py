"""Rule files: what is right becomes a rulebook, what is wrong is told with its place and a mend."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Finding, RulebookError
from worker import rulebook_yaml
from worker.rulebook_files import EXAMPLE, NAMES, check, digest, holidays_for, parse, read_texts

NOW_MS = int(datetime(2026, 11, 23, 23, 30, tzinfo=UTC).timestamp() * 1000)
TEXTS = read_texts(EXAMPLE)


def _edited(file: str, old: str, new: str) -> dict[str, str]:
    """Return the example's texts with the first `old` of one file replaced."""
    assert old in TEXTS[file], f"{file} no longer holds {old!r}"
    return {**TEXTS, file: TEXTS[file].replace(old, new, 1)}


def _place(file: str, old: str, new: str, mark: str) -> tuple[int, int]:
    """Return line and column, from 1, of `mark` where the edit was made."""
    text = TEXTS[file]
    made = text.index(old)
    edited = text.replace(old, new, 1)
    at = edited.index(mark, made) if mark in edited[made:] else edited.rindex(mark, 0, made + 1)
    return edited.count("\n", 0, at) + 1, at - edited.rfind("\n", 0, at)


def _refused(texts: dict[str, str]) -> list[Finding]:
    with pytest.raises(RulebookError) as caught:
        check(texts, NOW_MS)
    return caught.value.findings


def test_the_example_can_be_published_as_it_is() -> None:
    """The rulebook in the box has no error and no warning, and all its examples hold."""
    book, doubts = check(TEXTS, NOW_MS)

    assert doubts == []
    assert len(book.persona.personas) == 3
    assert sorted(TEXTS) == sorted(NAMES)


@pytest.mark.parametrize(
    "now",
    [
        datetime(2027, 2, 28, 12, tzinfo=UTC),
        datetime(2028, 2, 29, tzinfo=UTC),
        datetime(2031, 7, 1, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_the_examples_hold_at_any_time(now: datetime) -> None:
    """No example of the box depends on the day on which it is run."""
    check(TEXTS, int(now.timestamp() * 1000))


BROKEN = [
    # file, old, new, where the finding points, words that it says
    ("persona.yaml", "grades: {A: 75", "grade: {A: 75", "grade:", r"unknown key `grade`; did you mean `grades`\?"),
    ("persona.yaml", "fit:\n", "fitt:\n", "fitt:", r"unknown key `fitt`; did you mean `fit`\?"),
    ("persona.yaml", "person.function: {eq: it}", "person.funktion: {eq: it}", "person.funktion", r"did you mean person\.function\?"),
    ("persona.yaml", "company.employees: {gte: 300}", "company.employees: {contains: 300}", "contains", r"does not take `contains`; it takes eq, exists, gt"),
    ("persona.yaml", "company.employees: {gte: 300}", "company.employees: {gte: '300'}", "gte", r"takes a number, not '300'"),
    ("persona.yaml", "company.employees: {gte: 300}", "company.employees: {gte: .nan}", ".nan", r"not a number that can be reckoned with"),
    ("persona.yaml", "company.employees: {gte: 300}", "fit_grade: {eq: A}", "fit_grade", r"made by the judgement and not known here"),
    ("persona.yaml", "person.seniority: {at_least: head}", "person.seniority: {at_least: boss}", "at_least", r"'boss' is not one of staff"),
    ("persona.yaml", r"'(?i)学生|大学院生|\bstudent\b|\bintern\b'", "'(oops'", "matches", r"not a regular expression"),
    ("persona.yaml", "grades: {A: 75, B: 50", "grades: {A: 50, B: 75", "A: 50", r"A \(50\) must ask for more than B \(75\)"),
    ("persona.yaml", "points: 30", "points: thirty", "points", r"takes a whole number, not 'thirty'"),
    ("persona.yaml", "points: 30", "points: '30'", "points", r"takes a whole number, not '30'"),
    ("persona.yaml", "points: 30", "points: true", "points", r"takes a whole number, not true"),
    ("persona.yaml", "points: 30", "points: 0", "points", r"must be at least 1, not 0"),
    ("persona.yaml", "on: 2026-11-02", "on: 2026-13-02", "on:", r"takes a day such as 2026-11-24, not '2026-13-02'"),
    ("persona.yaml", "- id: back_office_head", "- id: it_decision_maker", "id: it_decision_maker", r"it_decision_maker is given twice"),
    ("persona.yaml", "disqualify: *everybody", "disqualify: *nobody", "*nobody", r"undefined alias"),
    ("journey.yaml", "sales_may_start_at: evaluation", "sales_may_start_at: evalution", "sales_may_start_at", r"no stage is called evalution; did you mean evaluation\?"),
    ("journey.yaml", "  interest:\n    any", "  intrest:\n    any", "intrest", r"no stage is called intrest; did you mean interest\?"),
    ("journey.yaml", "awareness: {ja: 認知, en: Awareness}", "awareness: {ja: 認知}", "awareness:", r"`en` is missing"),
    ("journey.yaml", "hand_raise: {within_days: 14}", "hand_raise: {days: 14}", "days:", r"hand_raise does not take `days`; it takes within_days"),
    ("scoring.yaml", "half_life_days: 21", "half_life_days: .inf", ".inf", r"not a number that can be reckoned with"),
    ("scoring.yaml", "half_life_days: 21", "half_life_days: 0", "half_life_days", r"must be more than 0, not 0"),
    ("scoring.yaml", "half_life_days: 21", "half_life_days: 1e999", "1e999", r"not a number that can be reckoned with"),
    ("scoring.yaml", "email_sent:", "Email-Sent:", "Email-Sent", r"takes an activity kind such as pricing_view"),
    ("scoring.yaml", "max_per_day: 5", "max_per_dya: 5", "max_per_dya", r"did you mean `max_per_day`\?"),
    ("scoring.yaml", "pricing_view: {points", "page_view: {points", "page_view", r"`page_view` stands here twice \(first in line \d+\)"),
    ("readiness.yaml", "- fit_grade: {at_least: B}", "- fit_grade: {gte: B}", "gte", r"fit_grade does not take `gte`; it takes at_least"),
    ("readiness.yaml", "      all:\n", "      everything:\n", "everything", r"no field is called everything"),
    ("readiness.yaml", "engagement: {gte: 50}", "engagement: 50", "engagement", r"takes operators such as \{gte: 300\}"),
    ("readiness.yaml", "fit_grade: {at_least: C}", "persona: {eq: it_guy}", "eq", r"no persona is called it_guy"),
    ("nurture.yaml", "review_after: 14d", "review_after: two weeks", "review_after", r"'two weeks' is not a duration: write a number and a unit, such as 30m"),
    ("nurture.yaml", "review_after: 14d", "review_after: 14", "review_after", r"14 is not a duration"),
    ("nurture.yaml", "then: nurture", "then: nuture", "then", r"takes nurture, next_rep or disqualify, not 'nuture'; did you mean `nurture`\?"),
    ("nurture.yaml", "track: win_back", "track: win_bakc", "track", r"no track is called win_bakc; did you mean win_back\?"),
    ("nurture.yaml", "    review_after: 30d", "    when: {recycle_count: {gte: 0}}\n    review_after: 30d", "when", r"the last track must take every lead"),
    ("nurture.yaml", "track: sleepers}", "track: sleeper}", "track", r"no track is called sleeper; did you mean sleepers\?"),
    ("nurture.yaml", "track: win_back\n    back_after_days: 270", "track: winback\n    back_after_days: 270", "track", r"no track is called winback; did you mean win_back\?"),
    ("nurture.yaml", "back_after_days: 270", "back_after_days: 0", "back_after_days", r"must be at least 1, not 0"),
    ("nurture.yaml", "- id: price\n", "- id: competitor\n", "id", r"competitor is given twice; every id stands once"),
    ("nurture.yaml", "after_days: 21}", "after_days: 0}", "after_days", r"comes no later than the step before it; write more than 0"),
    ("nurture.yaml", "en: Thanks and how are things}, after_days: 0}", "en: Thanks and how are things}, after_days: 3}", "after_days", r"the first step begins with the track; write 0"),
    ("nurture.yaml", "only_named: true ", "only_named: true\n    when: {fit: {gte: 1}} ", "when", r"says nothing: a track with `only_named` takes no lead"),
    ("nurture.yaml", "    silent_days: 730\n", "", "id: silent_two_years", r"takes every lead; say when, silent_days or age_days"),
    ("nurture.yaml", "when: {consent.email: {eq: false}}", "when: {consent.mail: {eq: false}}", "consent.mail", r"no field is called consent.mail; did you mean consent.email\?"),
    ("nurture.yaml", "zone: Asia/Tokyo ", "zone: Asia/Tokio ", "zone", r"'Asia/Tokio' is not a time zone"),
    ("nurture.yaml", '["18:00-09:00", ', '["18-9", ', '"18-9"', r"'18-9' is not a span of hours; write one such as 20:00-08:00"),
    ("nurture.yaml", "countries: [DE, AT]", "countries: [Germany]", "Germany", r"takes a country such as DE, or EEA"),
    ("nurture.yaml", "needs: opt_in,", "needs: optin,", "needs", r"takes opt_in, relationship or opt_out, not 'optin'; did you mean `opt_in`\?"),
    ("nurture.yaml", "tracks:", "tracks: [", "- id: win_back", r"cannot be read as YAML"),
    ("routing.yaml", "{pool: enterprise_east,", "{pool: enterprise_eas,", "pool", r"no pool is called enterprise_eas; did you mean enterprise_east\?"),
    ("routing.yaml", "{strategy: owner}", "{strategy: round_robin}", "strategy", r"round_robin needs a pool"),
    ("routing.yaml", "sla: standard", "sla: standrad", "sla", r"no policy is called standrad; did you mean standard\?"),
    ("routing.yaml", "    sla: standard\n", "", "name: account owner first", r"`sla` is missing"),
    ("routing.yaml", "strategy: owner}", "strategy: best}", "strategy", r"takes owner, round_robin, least_loaded, best_match or claim, not 'best'"),
    ("routing.yaml", "priority: 5", "priority: 10", "priority", r"must be at most 9, not 10"),
    ("routing.yaml", "name: enterprise west", "name: enterprise east", "name: enterprise east", r"enterprise east is given twice"),
    ("routing.yaml", "expect: {rule: enterprise west", "expect: {rule: enterprise east", "rule: enterprise east", r"expects rule enterprise east, but it is enterprise west"),
    ("routing.yaml", "employees: 1500", "emplyees: 1500", "emplyees", r"unknown key `emplyees`; did you mean `employees`\?"),
    ("team.yaml", "weight: 2", "weight: .nan", ".nan", r"not a number that can be reckoned with"),
    ("team.yaml", "weight: 2", "weight: -1", "weight", r"must be at least 0, not -1"),
    ("team.yaml", "weight: 2", "weight: 1.5", "weight", r"takes a whole number, not 1.5"),
    ("team.yaml", "zone: Asia/Tokyo", "zone: Asia/Tokio", "zone", r"'Asia/Tokio' is not a time zone"),
    ("team.yaml", "mon: [09:00-12:00", "mon: [25:00-26:00", "25:00-26:00", r"'25:00-26:00' is not a span of hours"),
    ("team.yaml", "mon: [09:00-12:00, 13:00-18:00]", "mon: [09:00-14:00, 13:00-18:00]", "13:00-18:00", r"overlaps other hours"),
    ("team.yaml", "mon: [09:00-12:00, 13:00-18:00]", "mon: [18:00-03:00]", "18:00-03:00", r"18:00-24:00 and 00:00-03:00"),
    ("team.yaml", "mon: [09:00-12:00", "monday: [09:00-12:00", "monday", r"takes mon, tue, .*, not 'monday'; did you mean `mon`\?"),
    ("team.yaml", "holidays: [JP]", "holidays: [ZZ]", "ZZ", r"no public holidays are known for ZZ"),
    ("team.yaml", "holidays: [JP]", "holidays: [Japan]", "Japan", r"a country or subdivision such as JP"),
    ("team.yaml", "holidays: [GB-ENG]", "holidays: [GB-XXX]", "GB-XXX", r"no public holidays are known for GB-XXX"),
    ("team.yaml", "last: 2026-08-15", "last: 2025-08-15", "last", r"the last day is before the first"),
    ("team.yaml", "last: 2026-08-15", "last: 9999-12-31", "last", r"at most 366 \(is the year right\?\)"),
    ("team.yaml", "ends: 2026-12-12T", "ends: 2026-12-02T", "ends", r"the absence ends before it starts"),
    ("team.yaml", "ends: 2026-12-12T00:00:00+09:00", "ends: 2026-12-12T00:00:00", "ends", r"an instant with its zone"),
    ("team.yaml", "calendar: japan\n", "calendar: japn\n", "calendar", r"no calendar is called japn; did you mean japan"),
    ("team.yaml", "{rep: suzuki_haruka, weight: 2}", "{rep: suzuki_haruna}", "rep", r"no rep is called suzuki_haruna; did you mean suzuki_haruka\?"),
    ("team.yaml", "manager: sato_kenji", "manager: nobody_here", "manager", r"no rep is called nobody_here"),
    ("team.yaml", "members:\n      - {rep: tanaka_yui}\n      - {rep: yamamoto_sota}", "members: []", "members", r"nobody in this pool can take a lead"),
    ("team.yaml", "email: haruka.suzuki@example.co.jp", "email: haruka", "email", r"not an e-mail address"),
    ("team.yaml", "  - id: suzuki_haruka", "  - id: Suzuki", "id", r"lower-case letters, digits and underscores"),
    ("sla.yaml", "warn_after: 10m", "warn_after: 15m", "warn_after", r"the warning comes at or after the breach"),
    ("sla.yaml", "within: 15m, warn_after: 10m", "within: 0m", "within", r"0 is over before anybody can act"),
    ("sla.yaml", "    time: business", "    time: !!python/object:os.system business", "!!python", r"the tag !!python/object:os.system is not taken"),
    ("sla.yaml", "    time: business", "    time: !secret business", "!secret", r"the tag !secret is not taken"),
    ("sla.yaml", "    time: business", "\t    time: business", "\t", r"indented with a tab; use spaces"),
    ("sla.yaml", "name: {ja: 通常", "name: {ja: \x00", "\x00", r"a character that text cannot have \('\\x00'\)"),
    ("sla.yaml", "policies:", "%YAML 1.1\n---\npolicies:", "%YAML", r"directives are not taken"),
    ("sla.yaml", "policies:", "? [a, b]\n: 1\npolicies:", "[a, b]", r"a key must be plain text"),
    ("sla.yaml", "accept_by: 2026-11-24T09:05", "accept_by: 2026-11-24T09:06", "accept_by", r"expects accept_by 2026-11-24T09:06\+09:00, but it is 2026-11-24T09:05\+09:00"),
]  # fmt: skip


@pytest.mark.parametrize("file, old, new, mark, words", BROKEN, ids=[f"{b[0]}:{b[4][:40]}" for b in BROKEN])
def test_every_mistake_is_told_with_its_place_and_a_mend(
    file: str, old: str, new: str, mark: str, words: str
) -> None:
    """A mistake is told at its line and column, in words that say what would be right."""
    place = (file, *_place(file, old, new, mark))

    found = _refused(_edited(file, old, new))

    said = [one.message for one in found if (one.file, one.line, one.column) == place]
    assert any(re.search(words, message) for message in said), [str(one) for one in found]


def test_all_problems_of_all_files_are_told_at_once() -> None:
    """Ops mend everything in one go: one error holds the findings of every file, in reading order."""
    texts = {
        **_edited("team.yaml", "weight: 2", "weight: -1"),
        "persona.yaml": TEXTS["persona.yaml"].replace("points: 30", "points: x").replace("grades:", "grade:"),
    }
    del texts["sla.yaml"]

    files = [one.file for one in _refused(texts)]

    assert files == ["persona.yaml", "persona.yaml", "persona.yaml", "team.yaml", "sla.yaml"]


def test_a_missing_and_an_unknown_file_are_told(tmp_path: Path) -> None:
    """The eight files come together, and no ninth."""
    for name, text in TEXTS.items():
        new_name = "personas.yml" if name == "persona.yaml" else name
        (tmp_path / new_name).write_text(text, encoding="utf-8")

    with pytest.raises(RulebookError) as caught:
        read_texts(tmp_path)

    said = sorted(str(one) for one in caught.value.findings)
    assert said[0] == "persona.yaml: is missing; the eight files come together"
    assert said[1] == "personas.yml: is no file of a rulebook; did you mean persona.yaml?"


@pytest.mark.parametrize(
    "raw, words",
    [
        (b"policies: [\xff\xfe]", "sla.yaml:1:12: is not UTF-8"),
        (b"#" * (rulebook_yaml.MAX_BYTES + 1), "sla.yaml: is larger than 1000000 bytes"),
    ],
)
def test_a_file_that_is_no_text_is_told(tmp_path: Path, raw: bytes, words: str) -> None:
    """A file that is not UTF-8, or far too large, is named and not read further."""
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "sla.yaml").write_bytes(raw)

    with pytest.raises(RulebookError, match=re.escape(words)):
        read_texts(tmp_path)


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    """A wrong path is said to be one."""
    with pytest.raises(RulebookError, match="is not a folder"):
        read_texts(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "is empty"),
        ("# only a remark\n", "is empty"),
        ("[]", "takes a mapping"),
        ("just text", "takes a mapping"),
        ("a: 1\n---\nb: 2\n", "cannot be read as YAML"),
        ("a: &x [*x]", "nested deeper than 32"),
        ("[" * 5000 + "]" * 5000, "nested deeper than 32"),
        ("a: " + "9" * 5000, "not a number"),
        ("x" * (rulebook_yaml.MAX_BYTES + 1), "larger than 1000000 bytes"),
    ],
)
def test_a_file_of_a_wrong_shape_is_told(text: str, words: str) -> None:
    """Nothing that YAML can hold gets past as a rule file that is none."""
    found = _refused({**TEXTS, "sla.yaml": text})

    assert any(one.file == "sla.yaml" and words in one.message for one in found)


def test_an_alias_bomb_is_refused_before_it_bursts() -> None:
    """Aliases of aliases, a thousand million values in nine lines, are refused at the cap."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    document = rulebook_yaml.read("sla.yaml", "\n".join(lines))

    assert [one.message for one in document.findings] == [
        "holds more than 100000 values once its aliases are written out"
    ]


@pytest.mark.parametrize(
    "text, value",
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ("0o17", 15),
        ("0x1f", 31),
        ("-1_000", -1000),
        ("012", 12),
        ("1e3", 1000.0),
        ("12:30:00", "12:30:00"),
        ("2026-11-24", "2026-11-24"),
        ("'1'", "1"),
        ("NO", "NO"),
        ("<<", "<<"),
    ],
)
def test_values_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    """Norway stays NO, a time stays text, a day stays text until a model asks for a day."""
    document = rulebook_yaml.read("sla.yaml", f"a: {text}\n")

    assert document.findings == []
    assert document.value == {"a": value}
    assert type(document.value["a"]) is type(value)


@given(st.text(max_size=200) | st.text(alphabet="ab:-[]{}&*!|>'\"#%,? \n\t0.9<~", max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever a file holds, it becomes plain values or findings, never another exception."""
    document = rulebook_yaml.read("sla.yaml", text)

    assert document.value is not None or document.findings or text.strip()


def test_line_ends_and_order_do_not_change_the_digest() -> None:
    """The digest is of what the files say: CRLF, a byte order mark and the order of files change nothing."""
    other = {name: "\ufeff" + text.replace("\n", "\r\n") for name, text in reversed(TEXTS.items())}

    assert digest(other) == digest(TEXTS)
    assert check(other, NOW_MS)[0] == parse(TEXTS)


def test_any_change_changes_the_digest() -> None:
    """One letter more in one file, or the same text under another name, is another rulebook."""
    digests = {digest({**TEXTS, name: text + "#"}) for name, text in TEXTS.items()}
    swapped = {**TEXTS, "sla.yaml": TEXTS["team.yaml"], "team.yaml": TEXTS["sla.yaml"]}

    assert len(digests | {digest(TEXTS), digest(swapped)}) == len(TEXTS) + 2


@pytest.mark.parametrize(
    "code, day",
    [
        ("JP", date(2026, 11, 23)),  # 勤労感謝の日
        ("JP", date(2026, 5, 6)),  # 振替休日
        ("JP", date(2026, 9, 22)),  # 国民の休日
        ("US", date(2026, 11, 26)),
        ("GB-ENG", date(2026, 12, 28)),  # Boxing Day moved from a Saturday
        ("SG", date(2026, 8, 10)),  # National Day moved from a Sunday
    ],
)
def test_public_holidays_and_their_substitutes_are_closed(code: str, day: date) -> None:
    """Holidays that fall on a day off are known on the day that stands in for them."""
    known = holidays_for(parse(TEXTS), range(2026, 2028))

    assert day in known[code]


def test_parse_does_not_run_lint() -> None:
    """A version that was published under older lint still loads: parse asks for the shape only."""
    texts = _edited("routing.yaml", "{pool: enterprise_east,", "{pool: enterprise_eas,")

    assert parse(texts).routing.rules[1].to.pool == "enterprise_eas"


def test_texts_read_from_a_folder_come_back_as_they_are(tmp_path: Path) -> None:
    """Reading what was written gives the same rulebook; other files in the folder are left alone."""
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "README.md").write_text("for ops")
    (tmp_path / ".team.yaml.swp.yaml").write_text("an editor's own")

    assert digest(read_texts(tmp_path)) == digest(TEXTS)
