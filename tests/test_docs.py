"""The pages tell what the code does: a setting, field, operator or command that no page names is a red test."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_args

import pytest
import typer
from typer.testing import CliRunner

from routing_rules.closures import compile_node
from routing_rules.conditions import parse
from routing_rules.fields import ACTIVITY_PREFIX, FIELDS, OPERATORS
from schemas.event import EVENT_TYPES, Event, EventData
from schemas.rulebook.book import FILES
from schemas.rulebook.channels import ChannelKind
from schemas.understanding import understand
from worker import rulebook_files, rulebook_yaml
from worker.cli.main import app
from worker.intake.adapters.registry import ADAPTERS
from worker.notices import words
from worker.notices.planning import MOST_BY_CHANNEL, MOST_IN_DIGEST
from worker.promises import queries
from worker.recompute import NUMBERS
from worker.settings import Settings

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
#: Noon of the day on which the examples happen.
RECEIVED: Final = datetime.fromisoformat("2026-11-24T12:00:00+09:00")

_FENCE: Final = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
_ROW: Final = re.compile(r"^\| `([^`]+)` \| (.*) \|$", re.MULTILINE)


def page(name: str) -> str:
    """Return a page of docs/."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows(text: str) -> dict[str, list[str]]:
    """Return the rows of all tables that begin with a word in code: word -> the other cells."""
    return {word: re.split(r"(?<!\\) \| ", rest) for word, rest in _ROW.findall(text)}


def section(text: str, title: str) -> str:
    """Return what stands under a heading of the second level."""
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def blocks(name: str, mark: str) -> list[str]:
    """Return the code blocks of a page that are marked so, as in ```json event."""
    return [body for said, body in _FENCE.findall(page(name)) if said == mark]


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Walk the command line: every command with its words."""
    for name, command in group.commands.items():
        here = (*path, name)
        if hasattr(command, "commands"):
            yield from commands(command, here)
        else:
            yield here, command


COMMANDS: Final = dict(commands(typer.main.get_command(app)))
EVENTS: Final = [
    *(json.loads(block) for name in ("events.md", "queue.md") for block in blocks(name, "json event")),
    *(event for block in blocks("queue.md", "json events") for event in json.loads(block)),
]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_setting_is_documented_with_its_default(name: str) -> None:
    """operations.md has a row for each setting, with the default that the code has."""
    default = Settings.model_fields[name].default
    cells = rows(section(page("operations.md"), "Configuration"))[f"TASUKI_{name.upper()}"]
    if default is None:
        assert cells[0].startswith("none")
    else:
        assert cells[0] == (f"`{default:g}`" if isinstance(default, int | float) else f"`{default}`")


def test_no_setting_is_documented_that_is_none() -> None:
    """A variable that a page names is read somewhere: a setting that was renamed leaves no trace."""
    sources = [*(ROOT / "worker").rglob("*.py"), ROOT / "compose.yaml", ROOT / "Makefile"]
    code = " ".join(path.read_text(encoding="utf-8") for path in sources)
    known = {f"TASUKI_{name.upper()}" for name in Settings.model_fields} | set(
        re.findall(r"TASUKI_[A-Z_]+", code)
    )
    said = {
        word for path in PAGES for word in re.findall(r"TASUKI_[A-Z_]+", path.read_text(encoding="utf-8"))
    }
    assert said <= known


def test_every_kind_of_notice_is_documented() -> None:
    """notices.md has a row for each kind that has words, and for no other."""
    assert rows(section(page("notices.md"), "What it says")).keys() == words.SUBJECT.keys()


@pytest.mark.parametrize("kind", get_args(ChannelKind))
def test_what_a_digest_holds_is_documented_for_each_channel(kind: str) -> None:
    """notices.md says how many leads go into one message."""
    table = re.findall(r"^  \| (`.*`) \| (\d+) \|$", page("notices.md"), re.MULTILINE)
    said = {name: int(most) for names, most in table for name in names.replace("`", "").split(", ")}
    assert said[kind] == MOST_BY_CHANNEL.get(kind, MOST_IN_DIGEST)


@pytest.mark.parametrize("name", Event.model_fields)
def test_envelope_field_is_documented(name: str) -> None:
    """events.md has a row for each field of an event."""
    assert name in rows(section(page("events.md"), "The envelope"))


@pytest.mark.parametrize("name", EventData.model_fields)
def test_data_field_is_documented(name: str) -> None:
    """events.md has a row for each field of an event's data."""
    assert name in rows(section(page("events.md"), "The data"))


def test_no_data_field_is_documented_that_is_none() -> None:
    """events.md lists no field that would be dropped without a word."""
    assert rows(section(page("events.md"), "The data")).keys() == EventData.model_fields.keys()


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_event_type_is_documented_with_an_example(kind: str) -> None:
    """events.md names each type, and one of its examples is of that type."""
    assert f"`{kind}`" in page("events.md")
    assert kind in [event["type"] for event in EVENTS]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["id"])
def test_example_event_is_understood(event: dict[str, Any]) -> None:
    """What a page shows as an event is one, and no field of it would be dropped."""
    understood = understand(event, RECEIVED)
    assert event.keys() <= Event.model_fields.keys()
    assert event["data"].keys() <= EventData.model_fields.keys()
    assert understood.id == event["id"]


@pytest.mark.parametrize("platform", ADAPTERS)
def test_platform_is_documented(platform: str) -> None:
    """events.md has a row for each platform whose payloads are understood."""
    assert platform in rows(section(page("events.md"), "Platforms"))


@pytest.mark.parametrize("name", FIELDS)
def test_condition_field_is_documented_with_its_kind(name: str) -> None:
    """rulebook.md has a row for each field that conditions may ask, with kind and closed set of values."""
    spec = FIELDS[name]
    kind, meaning = rows(section(page("rulebook.md"), "Conditions"))[name]
    assert kind == spec.kind
    assert meaning.startswith("Judged: ") == spec.judged
    assert [value for value in spec.values if f"`{value}`" not in meaning] == []


def test_no_condition_field_is_documented_that_is_none() -> None:
    """rulebook.md lists the vocabulary and nothing else."""
    documented = rows(section(page("rulebook.md"), "Conditions")).keys()
    assert documented == FIELDS.keys() | {f"{ACTIVITY_PREFIX}<kind>"}


@pytest.mark.parametrize("kind", OPERATORS)
def test_operators_are_documented(kind: str) -> None:
    """rulebook.md lists for each kind of field the operators that it takes, and no other."""
    found = re.search(rf"^\| {kind} \| (.+) \|$", page("rulebook.md"), re.MULTILINE)
    assert found is not None
    assert set(re.findall(r"`(\w+)`", found[1])) == OPERATORS[kind]  # type: ignore[index]


@pytest.mark.parametrize("text", blocks("rulebook.md", "yaml condition"))
def test_example_condition_compiles(text: str) -> None:
    """What rulebook.md shows as a condition is one."""
    document = rulebook_yaml.read("example.yaml", text)
    assert document.findings == []
    compile_node(parse(document.value))


@pytest.mark.parametrize("stem", FILES)
def test_rule_file_is_documented_with_its_entries(stem: str) -> None:
    """rulebook.md has a chapter for each file, which names every entry at its top."""
    chapter = page("rulebook.md").split(f"\n### {stem}.yaml\n", 1)[1].split("\n#", 1)[0]
    model: Any = FILES[stem]
    assert [name for name in model.model_fields if name != "examples" and f"`{name}`" not in chapter] == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_command_is_documented(words: tuple[str, ...]) -> None:
    """Each command stands in a page, and its --help ends with an example of itself."""
    name = f"tasuki {' '.join(words)}"
    assert name in "".join(path.read_text(encoding="utf-8") for path in PAGES)
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    _, _, example = result.output.lower().partition("example:")
    assert name in " ".join(example.split())


def test_no_command_is_documented_that_is_none() -> None:
    """The table of commands lists those that there are."""
    documented = rows(section(page("operations.md"), "Commands")).keys()
    assert documented == {f"tasuki {' '.join(words)}" for words in COMMANDS}


def test_promises_that_are_checked_are_documented() -> None:
    """how-it-works.md says of each promise whether `tasuki check` proves it."""
    proved = {number for number, _, _ in queries()} | NUMBERS
    said = dict(re.findall(r"^\| (\d+) \| .+ \| (yes|no)\b.* \|$", page("how-it-works.md"), re.MULTILINE))
    assert len(said) == 10
    assert {int(number) for number, answer in said.items() if answer == "yes"} == proved


def links() -> Iterator[tuple[str, str]]:
    """Return every relative link: page and target."""
    for path in PAGES:
        for target in _LINK.findall(_FENCE.sub("", path.read_text(encoding="utf-8"))):
            if "://" not in target and not target.startswith("mailto:"):
                yield path.relative_to(ROOT).as_posix(), target


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    titles = _HEADING.findall(_FENCE.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("source, target", sorted(set(links())))
def test_link_leads_somewhere(source: str, target: str) -> None:
    """A relative link leads to a file of this repository, and its anchor to a heading."""
    file, _, anchor = target.partition("#")
    path = ((ROOT / source).parent / file).resolve() if file else ROOT / source
    assert path.is_relative_to(ROOT)
    assert path.exists()
    assert not anchor or anchor in anchors(path)


def test_the_change_of_a_rule_that_the_readme_teaches_is_fit_to_be_published() -> None:
    """One rule and one example are edited, as README and rulebook.md say, and nothing else is in the way."""
    texts = rulebook_files.read_texts(rulebook_files.EXAMPLE)
    scoring = texts["scoring.yaml"]
    for before, after in (
        ("pricing_view: {points: 10,", "pricing_view: {points: 20,"),
        ("engagement: 30}", "engagement: 40}"),
    ):
        assert scoring.count(before) == 1
        scoring = scoring.replace(before, after)
    rulebook_files.check({**texts, "scoring.yaml": scoring}, 1_795_000_000_000)
