"""Things to test with: valid as they come, and every keyword overrides one thing."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from routing_rules.compiled import CompiledBook, compile_book
from routing_rules.fold import fold
from routing_rules.roster import PoolState, Team, compile_team
from schemas.event import Event
from schemas.handover import Waiting
from schemas.lead import LeadState, Standing
from schemas.lead_event import LeadEvent
from schemas.rulebook.book import Rulebook
from schemas.rulebook.sla import SlaPolicy
from schemas.rulebook.team import TeamFile
from worker import rulebook_yaml
from worker.rulebook_files import EXAMPLE, holidays_for, read_texts

#: A Tuesday, 10:00 in Tokyo, at which everybody in Japan is at work.
NOW: Final = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
NOW_MS: Final = int(NOW.timestamp() * 1000)
WORKDAYS: Final = ("mon", "tue", "wed", "thu", "fri")
#: Leads by who they are, as a salesperson would call them: what each said of themselves.
WHO: Final[dict[str, dict[str, Any]]] = {
    "情シス部長800人": {"title": "情報システム部長", "employees": 800},
    "情シス課長100人": {"title": "情報システム課 課長", "employees": 100},
    "情シス担当40人": {"title": "情報システム担当", "employees": 40},
    "経理課長80人": {"title": "経理課長", "employees": "51-100名"},
    "総務担当30人": {"title": "総務 担当", "employees": 30},
    "総務課長60人": {"title": "総務課長", "employees": 60},
    "人事部長2000人": {"title": "人事部 部長", "employees": 2000},
    "営業部長5000人": {"title": "営業部長", "employees": 5000},
    "営業部長30人": {"title": "営業部長", "employees": 30},
    "CIO in Tokyo": {"title": "Chief Information Officer (CIO)", "employees": 1200, "region": "Tokyo"},
    "IT manager SG": {"email": "it@merlion.example.com", "title": "IT Manager", "employees": 250, "country": "SG"},
    "Finance manager US": {"email": "fin@hudson.example.com", "title": "Finance Manager", "employees": 90, "country": "US"},
    "Sales manager DE": {"email": "vk@spree.example.com", "title": "Sales Manager", "employees": 90, "country": "DE"},
    "only an address": {"email": "someone@example.com"},
    "free mail, 課長": {"email": "taro@gmail.com", "title": "総務課長"},
    "only a phone": {"email": None, "phone": "+81 3-0000-1234", "title": "情報システム部長", "employees": 800},
    "no address": {"email": None, "title": "情報システム部長", "employees": 800},
    "competitor CIO": {"email": "cio@rival.example", "title": "情報システム部長", "employees": 5000},
    "学生": {"title": "東都大学 学生"},
    "student": {"email": "kim@uni.example.com", "title": "Graduate Student", "country": "GB"},
    "our own": {"email": "taro@kumiki.example", "title": "情報システム部長", "employees": 800},
    "部長, mail no": {"title": "情報システム部長", "employees": 800, "consent": {"email": False}},
    "部長, mail no, phone": {"title": "情報システム部長", "employees": 800, "phone": "03-0000-1234", "consent": {"email": False}},
    "部長, all no": {"title": "情報システム部長", "employees": 800, "phone": "03-0000-1234", "consent": {"all": False}},
}  # fmt: skip
_ENVELOPE: Final = ("id", "source", "type", "time", "subject")


def ms(at: datetime) -> int:
    """Return an instant in milliseconds since 1970."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def a_rulebook(**files: Mapping[str, Any]) -> Rulebook:
    """Return the shipped rulebook; `scoring={"half_life_days": 7}` replaces one entry of that file."""
    return Rulebook.model_validate(
        {stem: {**document, **files.get(stem, {})} for stem, document in _documents().items()}
    )


@cache
def _documents() -> dict[str, dict[str, Any]]:
    return {
        name.removesuffix(".yaml"): rulebook_yaml.read(name, text).value
        for name, text in read_texts(EXAMPLE).items()
    }


@cache
def _the_compiled_book() -> CompiledBook:
    return compile_book(a_rulebook(), version=1)


def a_compiled_book(**files: Mapping[str, Any]) -> CompiledBook:
    """Return the shipped rulebook compiled, with files overridden as in `a_rulebook`."""
    return compile_book(a_rulebook(**files), version=1) if files else _the_compiled_book()


def a_document(**overrides: Any) -> dict[str, Any]:
    """Return a canonical event as parsed JSON: envelope words go there, all others into `data`."""
    document: dict[str, Any] = {
        "id": "e1", "source": "ma", "type": "lead.captured", "time": NOW.isoformat(), "subject": "lead-1",
    }  # fmt: skip
    document["data"] = {name: value for name, value in overrides.items() if name not in _ENVELOPE}
    return document | {name: value for name, value in overrides.items() if name in _ENVELOPE}


def an_event(**overrides: Any) -> LeadEvent:
    """Return a lead event; its time is not held against a receipt."""
    return Event.model_validate(a_document(**overrides)).flat()


def a_state(did: Mapping[str, Sequence[float]] | None = None, now: datetime = NOW, **said: Any) -> LeadState:
    """Return a lead with an address, who did each kind so many days ago and said the rest just now."""
    state = LeadState()
    for kind, days_ago in (did or {}).items():
        for days in days_ago:
            at = now - timedelta(days=days)
            fold(state, an_event(type="lead.activity", time=at, activity=kind), ms(now))
    told = {"email": "hanako@aoba.example.co.jp", **said}
    words = {name: value for name, value in told.items() if value is not None}
    fold(state, an_event(time=now, **words), ms(now))
    return state


def a_standing(**overrides: Any) -> Standing:
    """Return the standing of a new lead."""
    return Standing(**overrides)


def a_rep(rep: str, **overrides: Any) -> dict[str, Any]:
    """Return a rep of the rule file, at work from nine to six in Tokyo."""
    return {
        "id": rep, "name": {"ja": rep, "en": rep}, "email": f"{rep}@example.com", "calendar": "office",
        "capacity": {"open": 5, "per_day": 5},
    } | overrides  # fmt: skip


def a_calendar(
    calendar: str = "office", zone: str = "Asia/Tokyo", hours: str = "09:00-18:00"
) -> dict[str, Any]:
    """Return a calendar of the rule file: the same hours on five days, no holidays."""
    return {"id": calendar, "zone": zone, "hours": {day: [hours] for day in WORKDAYS}}


def a_team(
    weights: Mapping[str, int] | None = None,
    calendars: Sequence[dict[str, Any]] = (),
    **reps: Mapping[str, Any],
) -> Team:
    """Return one pool, `desk`: ann, ben and cho with equal weights, and boss, their manager.

    `ann={"active": False}` overrides a rep; `weights` names the members.
    """
    members = {"ann": 1, "ben": 1, "cho": 1} if weights is None else weights
    names = {**dict.fromkeys(members), "boss": None, **dict.fromkeys(reps)}
    specs = [
        a_rep(name, **{"role": "manager"} if name == "boss" else {}) | dict(reps.get(name, {}))
        for name in names
    ]
    pool = {
        "id": "desk", "name": {"ja": "窓口", "en": "Desk"}, "manager": "boss",
        "members": [{"rep": rep, "weight": weight} for rep, weight in members.items()],
    }  # fmt: skip
    file = {"calendars": [a_calendar(), *calendars], "reps": specs, "pools": [pool]}
    return compile_team(TeamFile.model_validate(file), {})


@cache
def the_team() -> Team:
    """Return the team of the shipped rulebook with its public holidays."""
    book = a_rulebook()
    return compile_team(book.team, holidays_for(book, range(2025, 2029)))


def a_policy(**overrides: Any) -> SlaPolicy:
    """Return a promise: accept within 1 h, contact within 4 h of business time, two hops."""
    promise = {
        "id": "usual", "name": {"ja": "通常", "en": "Usual"}, "hops": 2,
        "accept": {"within": "1h", "warn_after": "40m"}, "contact": {"within": "4h"},
    }  # fmt: skip
    return SlaPolicy.model_validate(promise | overrides)


def a_waiting(**overrides: Any) -> Waiting:
    """Return a ready lead that waits in `desk`."""
    given: dict[str, Any] = {
        "lead_id": 1, "pool": "desk", "rule": "otherwise", "strategy": "least_loaded", "sla": "usual", "owner": None,
    }  # fmt: skip
    return Waiting(**(given | overrides))


def a_pool_state(**overrides: Any) -> PoolState:
    """Return a pool in which nobody holds anything yet."""
    return PoolState(**overrides)
