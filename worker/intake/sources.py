"""The sources that are let in: read from a YAML file, every problem told with its place, re-read when changed."""

import json
import threading
import time
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from schemas.errors import Finding, NotUnderstood, Refused, RulebookError
from worker import rulebook_words, rulebook_yaml
from worker.intake.mapping import Mapping
from worker.intake.platforms import MAPPED, PLATFORMS
from worker.intake.proofs.spec import ProofSpec
from worker.intake.source_file import FetchSpec, SourcesFile, SourceSpec, variable

#: Mappings that come with Tasuki: `mapping: typeform`.
SHIPPED: Final = Path(__file__).parent / "mappings"
#: How the name of a mapping ends that is a file, beside sources.yaml or in a folder there.
_FILE: Final = (".yaml", ".yml")
#: Shortest secret that is not doubted, in characters: 24 random bytes in hex are 48.
SHORT_SECRET: Final = 24


@dataclass(frozen=True, slots=True)
class Source:
    """One source, ready for use. Its secrets are never shown and never logged."""

    id: str
    platform: str
    #: Under which name its events are known.
    named: str
    proof: ProofSpec
    secrets: tuple[str, ...] = field(default=(), repr=False)
    also: ProofSpec | None = None
    also_secrets: tuple[str, ...] = field(default=(), repr=False)
    mapping: Mapping | None = None
    mapping_from: str = ""
    verify_token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    organization: str | None = None
    origins: tuple[str, ...] = ()
    per_second: float = 100.0
    burst: int = 500
    max_body: int = 1024 * 1024
    enabled: bool = True
    fetch: FetchSpec | None = None
    #: The token (or client's secret) and Marketo's client id for reading back.
    fetch_secrets: tuple[str, ...] = field(default=(), repr=False)
    #: Environment variables that it names and that are not set: it takes nothing until they are.
    missing: tuple[str, ...] = ()

    @property
    def marked(self) -> str:
        """The platform as the stream and the quarantine name it."""
        return PLATFORMS[self.platform].adapter or f"{MAPPED}{self.id}"

    def all_secrets(self) -> tuple[str, ...]:
        """Return every secret: none of them is kept with a payload."""
        return tuple(word for word in (*self.secrets, *self.also_secrets, self.verify_token) if word)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file's sources and what is doubtful about them."""

    sources: dict[str, Source]
    warnings: list[Finding]


def load(path: Path, environment: AbstractMapping[str, str], read: list[Path] | None = None) -> Loaded:
    """Read a sources file.

    Args:
        path: the file.
        environment: where the secrets stand.
        read: takes the mapping files that it names, also where it is refused.

    Raises:
        RulebookError: with every problem, each with file, line and column.

    """
    file = path.name
    document = rulebook_yaml.read(file, _text(path))
    if document.findings:
        raise RulebookError(document.findings)
    try:
        spec = SourcesFile.model_validate_json(json.dumps(document.value), strict=True)
    except ValidationError as error:
        raise RulebookError(_told(file, error, SourcesFile, document.positions)) from None
    if read is not None:
        named = [one.mapping for one in spec.sources.values()]
        read += [path.parent / name for name in named if isinstance(name, str) and name.endswith(_FILE)]
    made: dict[str, Source] = {}
    findings: list[Finding] = []
    warnings: list[Finding] = []
    for name, one in spec.sources.items():
        place = ("sources", name)
        try:
            made[name] = _source(name, one, environment, path)
        except RulebookError as error:
            findings += error.findings
            continue
        warnings += [
            Finding(file, place, words, *rulebook_yaml.where(document.positions, place))
            for words in _doubts(made[name])
        ]
    findings += [
        Finding(file, place, words, *rulebook_yaml.where(document.positions, place))
        for place, words in _clashes(spec)
    ]
    if findings:
        raise RulebookError(findings)
    return Loaded(made, warnings)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise RulebookError([Finding(path.name, (), f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise RulebookError([Finding(path.name, (), f"is not UTF-8 at byte {error.start}")]) from None


def _told(file: str, error: ValidationError, model: Any, positions: rulebook_yaml.Positions) -> list[Finding]:
    return [
        Finding(file, path, rulebook_words.say(one, model), *rulebook_yaml.where(positions, path))
        for one in error.errors(include_url=False)
        for path in [rulebook_words.place_of(one)]
    ]


def _source(name: str, spec: SourceSpec, environment: AbstractMapping[str, str], path: Path) -> Source:
    missing: list[str] = []

    def words(references: list[str | None]) -> tuple[str, ...]:
        found = []
        for reference in references:
            if reference is not None and environment.get(variable(reference), ""):
                found.append(environment[variable(reference)])
            elif reference is not None:
                missing.append(variable(reference))
        return tuple(found)

    mapping, came_from = _mapping(spec, path)
    also = None if spec.also is None else ProofSpec.model_validate(spec.also.model_dump(exclude={"secrets"}))
    verify = words([spec.verify_token])
    return Source(
        id=name, platform=spec.platform, named=spec.named or name, proof=spec.spec(),
        secrets=words(list(spec.secrets)), also=also,
        also_secrets=words(list(spec.also.secrets)) if spec.also is not None else (),
        mapping=mapping, mapping_from=came_from, verify_token=verify[0] if verify else None,
        client_id=spec.client_id, organization=spec.organization, origins=tuple(spec.origins),
        per_second=spec.per_second, burst=spec.burst, max_body=spec.max_body, enabled=spec.enabled,
        fetch=spec.fetch,
        fetch_secrets=words([spec.fetch.token, spec.fetch.client]) if spec.fetch is not None else (),
        missing=tuple(missing),
    )  # fmt: skip


def _mapping(spec: SourceSpec, path: Path) -> tuple[Mapping | None, str]:
    if spec.mapping is None:
        return None, ""
    if isinstance(spec.mapping, dict):
        return _checked(spec.mapping, path.name, {}), "inline"
    if spec.mapping.endswith(_FILE):
        return read_mapping(path.parent / spec.mapping), spec.mapping
    shipped = SHIPPED / f"{Path(spec.mapping).name}.yaml"
    if not shipped.is_file():
        known = ", ".join(sorted(one.stem for one in SHIPPED.glob("*.yaml")))
        words = f"no mapping is called {spec.mapping[:60]!r}; shipped are {known}; a file ends in .yaml"
        raise RulebookError([Finding(path.name, ("mapping",), words)])
    return read_mapping(shipped), f"shipped: {spec.mapping}"


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Raises:
        RulebookError: with every problem.

    """
    document = rulebook_yaml.read(path.name, _text(path))
    if document.findings:
        raise RulebookError(document.findings)
    return _checked(document.value, path.name, document.positions)


def _checked(value: Any, file: str, positions: rulebook_yaml.Positions) -> Mapping:
    try:
        return Mapping.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        raise RulebookError(_told(file, error, Mapping, positions)) from None


def _doubts(source: Source) -> list[str]:
    doubts = [
        f"the environment has no {name}; the source takes nothing until it is set" for name in source.missing
    ]
    if any(len(secret) < SHORT_SECRET for secret in (*source.secrets, *source.also_secrets)):
        doubts.append(f"a secret is shorter than {SHORT_SECRET} characters; take 24 random bytes")
    if source.proof.scheme in ("hubspot_v1", "hubspot_v2"):
        doubts.append(f"{source.proof.scheme} has no time: who once saw a request can send it for ever")
    if source.proof.scheme == "segment" and source.also is None:
        doubts.append("batches of Segment are refused: its signature covers the first event only; set `also`")
    return doubts


def _clashes(spec: SourcesFile) -> list[tuple[tuple[str, ...], str]]:
    """Find sources that speak under a name with others of another platform: their ids mean other people."""
    families: dict[str, str] = {}
    found: list[tuple[tuple[str, ...], str]] = []
    for name, one in spec.sources.items():
        family = PLATFORMS[one.platform].adapter or one.platform
        if families.setdefault(one.named or name, family) != family:
            found.append((("sources", name), "`named` is the name of another platform's source"))
    return found


class Registry:
    """The sources of one file, re-read when it or a mapping beside it changes."""

    def __init__(self, path: Path | None, environment: AbstractMapping[str, str]) -> None:
        """Begin unread. Without a path there are no sources."""
        self._path = path
        self._environment = environment
        self._lock = threading.Lock()
        #: Seconds for which a look at the files is good: who is asked for each request need not look for each.
        self.look_every_s = 0.0
        self._looked_at = float("-inf")
        self._stamp: Any = None
        self._loaded = Loaded({}, [])
        self._mappings: list[Path] = []
        self._was_right = False
        #: What is wrong with the file as it stands now; the sources are then those of before.
        self.problem: RulebookError | None = None

    def current(self) -> Loaded:
        """Return what is in force: the file as it stands, or, while it is broken, as it last was right."""
        at = time.monotonic()
        if self._path is None or at - self._looked_at < self.look_every_s:
            return self._loaded
        self._looked_at = at
        stamp = self._look()
        with self._lock:
            if stamp != self._stamp:
                self._stamp = stamp
                self._mappings = []
                try:
                    self._loaded = load(self._path, self._environment, self._mappings)
                    self.problem = None
                    self._was_right = True
                except RulebookError as error:
                    self.problem = error
            return self._loaded

    def source(self, name: str) -> Source | None:
        """Return a source by its id, unless there is none or it is off."""
        found = self.current().sources.get(name)
        return found if found is not None and found.enabled else None

    def is_unread(self) -> bool:
        """Tell whether there is a file that was broken ever since the start, so that no source is known."""
        self.current()
        return self._path is not None and not self._was_right

    def mapping_of(self, name: str) -> Mapping:
        """Return the mapping of a source as it is today.

        Raises:
            NotUnderstood: there is none here; mend and retry.

        """
        found = self.current().sources.get(name)
        if found is None or found.mapping is None:
            words = (
                "has no mapping on this machine; set TASUKI_SOURCES to the same file everywhere, then retry"
            )
            raise NotUnderstood(f"source {name[:60]}", words)
        return found.mapping

    def sources_named(self, named: str) -> list[Source]:
        """Return the sources whose events are known under a name."""
        return [one for one in self.current().sources.values() if one.named == named]

    def require(self, name: str) -> Source:
        """Return a source, or refuse with those that there are."""
        found = self.current().sources.get(name)
        if found is None:
            if self.problem is not None:
                raise self.problem
            known = ", ".join(sorted(self._loaded.sources)) or "none; set TASUKI_SOURCES"
            raise Refused(f"there is no source {name[:60]}; there are {known}")
        return found

    def _look(self) -> Any:
        """Return what changes when a file does."""
        assert self._path is not None  # noqa: S101 - asked by `current` only
        beside = sorted(self._path.parent.glob("*.y*ml"))[:200]
        files = sorted({self._path, *beside, *self._mappings})
        stamps = []
        for file in files:
            try:
                stat = file.stat()
            except OSError:
                stamps.append((str(file), 0, 0, 0))
            else:
                stamps.append((str(file), stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return stamps
