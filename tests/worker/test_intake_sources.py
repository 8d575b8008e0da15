"""sources.yaml: what is wrong is told with its place; secrets stay outside; a broken change leaves the old in force."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.errors import NotUnderstood, RulebookError
from tests.fixtures.sources import SECRETS, SOURCES, open_intake, registry
from tests.fixtures.system import System
from worker import rulebook_yaml
from worker.cli.main import app
from worker.intake import configured
from worker.intake.platforms import PLATFORMS
from worker.intake.proofs.spec import ProofSpec
from worker.intake.request import make
from worker.intake.source_file import SourceSpec
from worker.intake.sources import SHIPPED, Loaded, load, read_mapping
from worker.settings import settings

BASE = "sources:\n  x: {platform: mautic, secrets: ['${TASUKI_SECRET}']}\n"
# Text -> place (line:column) and a word of the mend.
BROKEN: dict[str, tuple[str, str, str]] = {
    "unknown platform": (BASE.replace("mautic", "mautik"), "2:7", "known are hubspot"),
    "unknown key": (BASE.replace("platform: mautic", "platform: mautic, secret: x"), "2:25", "did you mean `secrets`"),
    "secret in the file": (BASE.replace("${TASUKI_SECRET}", "hunter2"), "2:35", "never stands in the file"),
    "no secret": ("sources:\n  x: {platform: mautic}\n", "2:3", "proves nothing without one"),
    "no secret at all": ("sources:\n  x: {platform: mautic, secrets: []}\n", "2:3", "proves nothing without one"),
    "three secrets": (BASE.replace("['${TASUKI_SECRET}']", "['${A}', '${B}', '${C}']"), "2:25", "at most 2"),
    "no mapping": ("sources:\n  x: {platform: zapier, secrets: ['${A}']}\n", "2:3", "no adapter of its own"),
    "needless mapping": (BASE.replace("platform: mautic", "platform: mautic, mapping: zapier"), "2:3", "an adapter"),
    "unknown mapping": ("sources:\n  x: {platform: zapier, secrets: ['${A}'], mapping: zap}\n", "", "shipped are"),
    "no verify token": (BASE.replace("mautic", "meta"), "2:3", "Meta asks for it"),
    "no client id": ("sources:\n  x: {platform: marketo_stream}\n", "2:3", "another customer's"),
    "unknown proof": (BASE.replace("mautic,", "mautic, proof: md5,"), "2:25", "known are"),
    "hmac without body": (
        BASE.replace("mautic,", "mautic, proof: {scheme: hmac, header: X, signed: '{url}'},"), "2:25", "{body}",
    ),
    "id": ("sources:\n  Ä: {platform: mautic, secrets: ['${A}']}\n", "2:3", ""),
    "marketo fetch": (
        BASE.replace("mautic,", "marketo, fetch: {token: '${A}'},"), "2:3", "needs `api`",
    ),
    "fetch over plain http": (
        BASE.replace("mautic,", "hubspot, fetch: {token: '${A}', api: 'http://api.example.com'},"), "2:49", "takes an https",
    ),
    "named as another platform's": (
        BASE + "  y: {platform: segment, named: x, secrets: ['${A}']}\n", "3:3", "another platform's",
    ),
    "yaml": ("sources: [\n", "2:1", "YAML"),
    "key twice": (BASE + "  x: {platform: mautic}\n", "3:3", "twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    """File, line, column and how to mend it."""
    text, place, word = BROKEN[name]
    path = tmp_path / "sources.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RulebookError) as told:
        load(path, SECRETS)
    assert f"sources.yaml:{place}" in str(told.value) if place else "sources.yaml" in str(told.value)
    assert word in str(told.value)


MAPPING = "rules:\n  - {name: r, type: lead.captured, id: [$.id], data: {email: $.email}}\n"
BROKEN_MAPPINGS: dict[str, tuple[str, str, str]] = {
    "path": (MAPPING.replace("$.email", "$..email"), "2:55", "not a path from its character 2 on"),
    "no path": (MAPPING.replace("$.email", "email"), "2:55", "begins with $"),
    "field": (MAPPING.replace("email:", "score:"), "2:5", "is no field of an event's data"),
    "owner": (MAPPING.replace("email: $.email", "email: $.email, account_owner: $.o"), "2:5", "is no field"),
    "type": (MAPPING.replace("lead.captured", "lead.capture"), "2:15", "did you mean `lead.captured`"),
    "activity": (MAPPING.replace("lead.captured", "lead.activity"), "2:5", "needs `activity`"),
    "consent": (MAPPING.replace("lead.captured", "lead.consent"), "2:5", "needs `consent`"),
    "nobody": (MAPPING.replace("email: $.email", "company: $.c"), "2:5", "nobody is named"),
    "zone": ("zone: Asia/Tokio\n" + MAPPING, "1:1", "no time zone is called"),
    "two rules of a name": (
        MAPPING + "  - {name: r, type: lead.captured, data: {email: $.email}}\n",
        "1:1",
        "two rules",
    ),
    "without": (MAPPING.replace("id: [$.id]", "without: ['$.a[*]']"), "2:5", "must be plain"),
    "two origins": (MAPPING.replace("$.email", "{path: $.a, value: x}"), "2:55", "takes one of"),
}


@pytest.mark.parametrize("name", BROKEN_MAPPINGS)
def test_what_is_wrong_with_a_mapping_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    """A mapping file has its own lines."""
    text, place, word = BROKEN_MAPPINGS[name]
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RulebookError) as told:
        read_mapping(path)
    assert f"mine.yaml:{place}" in str(told.value)
    assert word in str(told.value)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Ops mend all of it in one go."""
    path = tmp_path / "sources.yaml"
    path.write_text(
        "sources:\n  x: {platform: nope}\n  y: {platform: mautic, secrets: [plain]}\n", encoding="utf-8"
    )
    with pytest.raises(RulebookError) as told:
        load(path, {})
    assert {finding.line for finding in told.value.findings} == {2, 3}


def test_doubts_are_warnings(tmp_path: Path) -> None:
    """A secret that is not set, a short one, a scheme without time, batches of Segment."""
    words = "\n".join(str(one) for one in load_all(tmp_path).warnings)
    assert "shorter than 24 characters" in words
    assert "hubspot_v2 has no time" in words
    assert "batches of Segment are refused" in words
    path = tmp_path / "sources.yaml"
    assert "has no TASUKI_SECRET;" in "\n".join(str(one) for one in load(path, {}).warnings)


def load_all(folder: Path) -> Loaded:
    return registry(folder).current()


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """Neither a source nor what is made of it prints one."""
    shown = repr(load_all(tmp_path))
    assert not [word for word in SECRETS.values() if word in shown]


def test_change_is_seen_and_a_broken_one_is_not_taken(tmp_path: Path) -> None:
    """The file is re-read when it changes; while it is broken the sources are those of before, and it is told."""
    sources = registry(tmp_path, BASE)
    assert sources.source("x") is not None
    path = tmp_path / "sources.yaml"
    path.write_text(BASE.replace("x:", "renamed:"), encoding="utf-8")
    assert sources.source("x") is None
    assert sources.source("renamed") is not None
    path.write_text("sources: {broken", encoding="utf-8")
    assert sources.source("renamed") is not None
    assert sources.problem is not None
    path.unlink()
    assert sources.source("renamed") is not None
    path.write_text(BASE, encoding="utf-8")
    assert sources.source("x") is not None
    assert sources.problem is None


@pytest.mark.parametrize("name", ["mine.yaml", "maps/mine.yml"])
def test_change_of_a_mapping_beside_it_is_seen(tmp_path: Path, name: str) -> None:
    """What waits in quarantine is read anew by the mapping of today, in whatever folder that stands."""
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(MAPPING, encoding="utf-8")
    sources = registry(
        tmp_path, f"sources:\n  x: {{platform: generic, secrets: ['${{TASUKI_SECRET}}'], mapping: {name}}}\n"
    )
    assert sources.mapping_of("x").rules[0].name == "r"
    file.write_text("rules: broken", encoding="utf-8")
    assert sources.mapping_of("x").rules[0].name == "r"
    assert sources.problem is not None
    file.write_text(MAPPING.replace("name: r", "name: renamed"), encoding="utf-8")
    assert sources.mapping_of("x").rules[0].name == "renamed"
    with pytest.raises(NotUnderstood, match="has no mapping on this machine"):
        sources.mapping_of("nobody")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_mapping_is_fit(path: Path) -> None:
    """And says in its head what it rests on."""
    assert read_mapping(path).rules
    assert path.read_text(encoding="utf-8").startswith("# ")


def blocks(mark: str) -> list[str]:
    """Return the code blocks of docs/intake.md that are marked so."""
    page = (Path(__file__).parent.parent.parent / "docs" / "intake.md").read_text(encoding="utf-8")
    return re.findall(rf"^```yaml {mark}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_examples_of_the_page_are_fit(tmp_path: Path) -> None:
    """What docs/intake.md shows as sources, proof and mapping is one, without a warning but the named ones."""
    (example,), (mapping,), (proof,) = blocks("sources"), blocks("mapping"), blocks("proof")
    (tmp_path / "my-satori.yaml").write_text(mapping, encoding="utf-8")
    (tmp_path / "sources.yaml").write_text(example, encoding="utf-8")
    names = set(re.findall(r"\$\{(\w+)\}", example))
    loaded = load(tmp_path / "sources.yaml", dict.fromkeys(names, "x" * 48))
    assert [one.message for one in loaded.warnings if "hubspot_v2" not in one.message] == []
    assert loaded.sources["satori"].mapping is not None
    ProofSpec.model_validate(rulebook_yaml.read("proof.yaml", proof).value)


def test_page_names_every_platform_and_shipped_mapping() -> None:
    """And every key of a source."""
    page = (Path(__file__).parent.parent.parent / "docs" / "intake.md").read_text(encoding="utf-8")
    words = [*PLATFORMS, *SourceSpec.model_fields, *(path.stem for path in SHIPPED.glob("*.yaml"))]
    assert [word for word in words if f"`{word}`" not in page] == []


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TASUKI_SOURCES for commands of this process."""
    from worker.intake import configured  # noqa: PLC0415

    path = tmp_path / "sources.yaml"
    path.write_text(SOURCES, encoding="utf-8")
    for name, word in SECRETS.items():
        monkeypatch.setenv(name, word)
    monkeypatch.setenv("TASUKI_SOURCES", str(path))
    monkeypatch.setenv("TASUKI_STATE_DIR", str(tmp_path / "state"))
    settings.cache_clear()
    configured.registry.cache_clear()
    return path


@pytest.fixture(autouse=True)
def _forget() -> None:
    settings.cache_clear()


def test_lint_command(commands: Path) -> None:
    """Fit: 0 and the doubts; broken: 1 and the places."""
    found = CliRunner().invoke(app, ["intake", "lint"])
    assert found.exit_code == 0
    assert "sources are fit" in found.output
    commands.write_text(BROKEN["unknown platform"][0], encoding="utf-8")
    found = CliRunner().invoke(app, ["intake", "lint", str(commands)])
    assert found.exit_code == 1
    assert "sources.yaml:2:7" in found.output


def test_spool_command(commands: Path) -> None:
    """An empty spool says so."""
    found = CliRunner().invoke(app, ["intake", "spool", "--json"])
    assert found.exit_code == 0
    assert '"bytes": 0' in found.output


def test_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at before each request, and read when it changed."""
    intake = open_intake(tmp_path)
    stranger = make("POST", "https://x/", {}, b"{}")
    intake.accept("zapier", stranger)

    def unread(path: Path) -> bytes:
        raise AssertionError(path)

    monkeypatch.setattr(Path, "read_bytes", unread)
    assert intake.accept("zapier", stranger).status == 401
    (tmp_path / "sources.yaml").touch()
    with pytest.raises(AssertionError):
        intake.accept("zapier", stranger)


def test_no_sources_are_said(monkeypatch: pytest.MonkeyPatch, system: System) -> None:
    """Without TASUKI_SOURCES the list says so, and how to get one; it is no empty table."""
    monkeypatch.delenv("TASUKI_SOURCES", raising=False)
    settings.cache_clear()
    configured.registry.cache_clear()
    found = CliRunner().invoke(app, ["intake", "sources"])

    assert found.exit_code == 0, found.output
    assert found.output.startswith("no source is configured")
    assert "TASUKI_SOURCES" in found.output


def test_file_that_was_never_right_turns_nobody_away(tmp_path: Path) -> None:
    """A start with a broken file answers 503; once it was right, a stranger is one again."""
    intake = open_intake(tmp_path, "sources: [")
    stranger = make("POST", "https://x/", {}, b"{}")
    answer = intake.accept("nobody", stranger)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "300")
    assert intake.accept("brevo", stranger).status == 429
    (tmp_path / "sources.yaml").write_text(SOURCES, encoding="utf-8")
    assert intake.accept("nobody", stranger).status == 401
    (tmp_path / "sources.yaml").write_text("sources: [", encoding="utf-8")
    assert intake.accept("nobody", stranger).status == 401
