"""Lint: what stops a publish, and what is only worth a second look."""

from typing import Any

import pytest
from pydantic import ValidationError

from routing_rules.lint import lint, warnings
from schemas.rulebook.book import Rulebook

_AGREED = {"marketing": {"by": "M", "on": "2026-11-02"}, "sales": {"by": "S", "on": "2026-11-04"}}
_NAME = {"ja": "名", "en": "name"}


def _rep(rep: str, **more: Any) -> dict[str, Any]:
    base = {
        "id": rep,
        "name": _NAME,
        "email": f"{rep}@example.com",
        "calendar": "jp",
        "capacity": {"open": 5},
    }
    return {**base, **more}


def _documents() -> dict[str, Any]:
    """Return the smallest rulebook in which lint finds nothing."""
    return {
        "persona": {
            "agreed": _AGREED,
            "personas": [
                {"id": "it", "name": _NAME, "fit": [{"points": 1, "when": {"person.function": {"eq": "it"}}}]}
            ],
        },
        "journey": {
            "agreed": _AGREED,
            "stages": ["early", "late"],
            "evidence": {"late": {"activity.pricing_view": {"at_least": 1}}},
            "sales_may_start_at": "late",
        },
        "scoring": {"half_life_days": 7, "activities": {"pricing_view": {"points": 1}}},
        "readiness": {"agreed": _AGREED, "ready": [{"name": "fits", "when": {"fit": {"gte": 50}}}]},
        "nurture": {
            "tracks": [{"id": "all", "name": _NAME, "review_after": "7d"}],
            "reasons": [{"id": "not_now", "name": _NAME, "then": "nurture", "track": "all"}],
        },
        "routing": {
            "rules": [],
            "otherwise": {"pool": "desk", "strategy": "least_loaded", "sla": "usual"},
        },
        "team": {
            "calendars": [
                {
                    "id": "jp",
                    "zone": "Asia/Tokyo",
                    "hours": {day: ["09:00-18:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
                }
            ],
            "reps": [_rep("ann"), _rep("boss", role="manager")],
            "pools": [{"id": "desk", "name": _NAME, "members": [{"rep": "ann"}], "manager": "boss"}],
        },
        "sla": {
            "policies": [
                {"id": "usual", "name": _NAME, "accept": {"within": "1h"}, "contact": {"within": "4h"}}
            ]
        },
    }


def _put(path: str, value: Any) -> Rulebook:
    """Return the rulebook with `value` at `path`; a last `+` appends to a list."""
    documents = _documents()
    *parts, last = path.split("/")
    inside: Any = documents
    for part in parts:
        inside = inside[int(part)] if isinstance(inside, list) else inside[part]
    if last == "+":
        inside.append(value)
    elif isinstance(inside, list):
        inside[int(last)] = value
    else:
        inside[last] = value
    return Rulebook.model_validate(documents)


def _rule(name: str, when: dict[str, Any], **to: Any) -> dict[str, Any]:
    return {
        "name": name,
        "when": when,
        "to": to or {"pool": "desk", "strategy": "round_robin"},
        "sla": "usual",
    }


_IT = {"person.function": {"eq": "it"}}


def test_a_sound_rulebook_has_neither_errors_nor_doubts() -> None:
    """The smallest sound rulebook passes without a word."""
    book = Rulebook.model_validate(_documents())

    assert lint(book) == []
    assert warnings(book) == []


ERRORS = [
    # what is put where; the file, path and words of the one finding
    ("routing/otherwise/value", "S", "routing.yaml otherwise.value", "gives the class S no points; it knows none yet"),
    ("routing/value_by_grade", {"A": "S"}, "routing.yaml value_by_grade.A", "Write values: {S: 1}"),
    ("routing/rules/+", _rule("x", _IT, strategy="owner", former=True), "routing.yaml rules.0.to.former", "needs a pool"),
    ("routing/otherwise", {"pool": "desk", "sla": "usual", "strategy": "claim", "claim_for": "0s"}, "routing.yaml otherwise.claim_for", "within no time"),
    ("team/reps/0/capacity/caps", [{"at_most": 0, "per": "day"}], "team.yaml pools.0.members", "nobody in this pool can take a lead"),
    ("team/pools/0/members/0/weight", 0, "team.yaml pools.0.members", "nobody in this pool can take a lead"),
    ("team/pools/0/members", [], "team.yaml pools.0.members", "nobody in this pool can take a lead"),
    ("persona/personas/0/fit/0/when", {"nope": {"eq": 1}}, "persona.yaml personas.0.fit.0.when.nope", "no field is called nope"),
    ("persona/personas/0/fit/0/when", {"buying_stage": {"eq": "late"}}, "persona.yaml personas.0.fit.0.when.buying_stage", "made by the judgement"),
    ("persona/personas/0/disqualify", [{"reason": "x", "when": {"engagement": {"gt": 1}}}], "persona.yaml personas.0.disqualify.0.when.engagement", "made by the judgement"),
    ("journey/evidence/late", {"fit": {"gte": 1}}, "journey.yaml evidence.late.fit", "made by the judgement"),
    ("readiness/ready/0/when", {"all": [{"fit": {"gte": 1}}, {"any": {}}]}, "readiness.yaml ready.0.when.all.1.any", "takes a list"),
    ("readiness/ready/0/when", {"buying_stage": {"at_least": "soon"}}, "readiness.yaml ready.0.when.buying_stage.at_least", "'soon' is not one of early, late"),
    ("readiness/ready/0/when", {"persona": {"in": ["it", "hr"]}}, "readiness.yaml ready.0.when.persona.in", "no persona is called hr"),
    ("routing/rules/+", _rule("x", {"company.name": {"matches": "("}}), "routing.yaml rules.0.when.company.name.matches", "not a regular expression"),
    ("routing/rules/+", _rule("x", _IT, strategy="round_robin"), "routing.yaml rules.0.to.strategy", "needs a pool"),
    ("routing/rules/+", _rule("x", _IT, pool="dask", strategy="round_robin"), "routing.yaml rules.0.to.pool", "did you mean desk?"),
    ("routing/rules/+", _rule("otherwise", _IT), "routing.yaml rules.0.name", "names the last rule"),
    ("routing/otherwise/pool", "nope", "routing.yaml otherwise.pool", "no pool is called nope"),
    ("routing/otherwise/sla", "nope", "routing.yaml otherwise.sla", "no policy is called nope"),
    ("journey/sales_may_start_at", "nope", "journey.yaml sales_may_start_at", "no stage is called nope"),
    ("journey/names", {"nope": _NAME}, "journey.yaml names.nope", "no stage is called nope"),
    ("journey/stages/+", "early", "journey.yaml stages.2", "early is given twice"),
    ("nurture/tracks/0/when", _IT, "nurture.yaml tracks.0.when", "must take every lead"),
    ("nurture/reasons/0/track", "nope", "nurture.yaml reasons.0.track", "no track is called nope"),
    ("nurture/reasons/+", {"id": "not_now", "name": _NAME, "then": "next_rep"}, "nurture.yaml reasons.1.id", "not_now is given twice"),
    ("readiness/ready/+", {"name": "fits", "when": _IT}, "readiness.yaml ready.1.name", "fits is given twice"),
    ("persona/grades", {"A": 50, "B": 50}, "persona.yaml grades.A", "A (50) must ask for more than B (50)"),
    ("persona/grades", {"C": 60}, "persona.yaml grades.B", "B (50) must ask for more than C (60)"),
    ("team/reps/0/calendar", "moon", "team.yaml reps.0.calendar", "no calendar is called moon"),
    ("team/reps/0/absences", [{"starts": "2026-12-01T00:00:00Z", "ends": "2026-12-01T09:00:00+09:00"}], "team.yaml reps.0.absences.0.ends", "ends before it starts"),
    ("team/reps/0/active", False, "team.yaml pools.0.members", "nobody in this pool"),
    ("team/reps/0/capacity", {"open": 0}, "team.yaml pools.0.members", "nobody in this pool"),
    ("team/reps/1/active", False, "team.yaml pools.0.manager", "boss is not active"),
    ("team/pools/0/members", [], "team.yaml pools.0.members", "nobody in this pool"),
    ("team/pools/0/members/0", {"rep": "ann", "weight": 0}, "team.yaml pools.0.members", "nobody in this pool"),
    ("team/pools/0/members/0", {"rep": "anna"}, "team.yaml pools.0.members.0.rep", "did you mean ann?"),
    ("team/pools/0/members/+", {"rep": "ann"}, "team.yaml pools.0.members.1.rep", "stands twice in this pool"),
    ("team/pools/0/manager", "bos", "team.yaml pools.0.manager", "did you mean boss?"),
    ("team/calendars/0/hours", {"mon": []}, "team.yaml calendars.0.hours", "never open"),
    ("team/calendars/0/hours/mon", ["10:00-12:00", "09:00-11:00"], "team.yaml calendars.0.hours.mon.1", "overlaps"),
    ("team/calendars/0/hours/mon", ["12:00-12:00"], "team.yaml calendars.0.hours.mon.0", "ends before it starts"),
    ("team/calendars/0/special", {"2026-12-28": ["09:00-12:00", "11:00-13:00"]}, "team.yaml calendars.0.special.2026-12-28.1", "overlaps"),
    ("team/calendars/0/closed", [{"first": "2026-12-30", "last": "2026-01-03"}], "team.yaml calendars.0.closed.0.last", "before the first"),
    ("team/calendars/0/closed", [{"first": "0001-01-01", "last": "9999-12-31"}], "team.yaml calendars.0.closed.0.last", "at most 366"),
    ("sla/policies/0/accept", {"within": "1h", "warn_after": "1h"}, "sla.yaml policies.0.accept.warn_after", "at or after the breach"),
    ("sla/policies/0/contact", {"within": "1h", "warn_after": "2h"}, "sla.yaml policies.0.contact.warn_after", "at or after the breach"),
    ("sla/policies/0/contact", {"within": "0m"}, "sla.yaml policies.0.contact.within", "over before"),
    ("sla/examples", [{"policy": "usual", "rep": "who", "at": "2026-12-01T00:00:00Z", "expect": {"accept_by": "2026-12-01T00:00:00Z"}}], "sla.yaml examples.0.rep", "no rep is called who"),
    ("team/examples", [{"calendar": "moon", "at": "2026-12-01T00:00:00Z", "expect": {"open": True}}], "team.yaml examples.0.calendar", "no calendar is called moon"),
    ("scoring/activities/pricing_view/group", "mail", "scoring.yaml activities.pricing_view.group", "no group is called mail; write groups: {mail: {max_points: 20}}"),
    ("scoring/groups", {"mail": {"max_points": 9}}, "scoring.yaml groups.mail", "nothing is in the group mail; write `group: mail`"),
    ("scoring/signals", {"x": {"points": 5, "when": {"activity.page_view": {"at_least": 1}}}}, "scoring.yaml signals.x.when.activity.page_view", "do not fade, but activity.page_view does"),
    ("scoring/signals", {"x": {"points": 5, "when": {"company.domian": {"eq": "a"}}}}, "scoring.yaml signals.x.when.company.domian", "did you mean company.domain?"),
    ("scoring/signals", {"x": {"points": 5, "when": _IT, "group": "mail"}}, "scoring.yaml signals.x.group", "no group is called mail"),
    ("persona/personas/0/must", [{"when": {"company.contry": {"eq": "JP"}}}], "persona.yaml personas.0.must.0.when.company.contry", "did you mean company.country?"),
    ("persona/personas/0/must", [{"when": {"fit": {"gte": 1}}}], "persona.yaml personas.0.must.0.when.fit", "made by the judgement"),
    ("journey/falls_back", {"late": {"to": "late", "lasts": "30d"}}, "journey.yaml falls_back.late.to", "late falls back to itself; name an earlier stage, such as early"),
    ("journey/falls_back", {"early": {"to": "late", "lasts": "30d"}}, "journey.yaml falls_back.early", "is the first stage"),
    ("journey/falls_back", {"lat": {"to": "early", "lasts": "30d"}}, "journey.yaml falls_back.lat", "did you mean late?"),
    ("journey/falls_back", {"late": {"to": "erly", "lasts": "30d"}}, "journey.yaml falls_back.late.to", "did you mean early?"),
    ("readiness/ready/0/personas", {"hr": {"fit": 40}}, "readiness.yaml ready.0.personas.hr", "no persona is called hr"),
    ("readiness/ready/0/personas", {"it": {}}, "readiness.yaml ready.0.personas.it", "asks nothing of its own"),
    ("readiness/ready/0/personas", {"it": {"engagement": 40}}, "readiness.yaml ready.0.personas.it.engagement", "asks for at least some engagement nowhere"),
    ("readiness/ready/0", {"name": "x", "when": {"any": [{"fit": {"gte": 50}}, {"fit": {"gte": 70}}]}, "personas": {"it": {"fit": 40}}}, "readiness.yaml ready.0.personas.it.fit", "in 2 places"),
    ("readiness/ready/0", {"name": "x", "when": {"none": [{"fit": {"gte": 50}}]}, "personas": {"it": {"fit": 40}}}, "readiness.yaml ready.0.personas.it.fit", "nowhere"),
    ("readiness/ready/0", {"name": "x", "when": {"buying_stage": {"at_least": "late"}}, "personas": {"it": {"buying_stage": "erly"}}}, "readiness.yaml ready.0.personas.it.buying_stage", "did you mean early?"),
]  # fmt: skip


@pytest.mark.parametrize("path, value, place, words", ERRORS, ids=[f"{e[0]}-{e[3][:20]}" for e in ERRORS])
def test_what_must_stop_a_publish_is_found_once_at_its_place(
    path: str, value: Any, place: str, words: str
) -> None:
    """Each such mistake gives exactly one finding, with its path in the file and a mend."""
    found = lint(_put(path, value))

    assert [f"{one.file} {'.'.join(map(str, one.path))}" for one in found] == [place]
    assert words in found[0].message


DOUBTS = [
    ("routing/otherwise/wants", {"skills": []}, "routing.yaml otherwise.wants", "says nothing to the strategy least_loaded"),
    ("routing/otherwise/then", "round_robin", "routing.yaml otherwise.then", "says nothing to the strategy least_loaded"),
    ("routing/otherwise/owner_wait", "1h", "routing.yaml otherwise.owner_wait", "says nothing"),
    ("routing/otherwise/claim_for", "1h", "routing.yaml otherwise.claim_for", "says nothing"),
    ("routing/otherwise/by", "value", "routing.yaml otherwise.by", "every lead counts 1"),
    ("routing/rules/+", _rule("x", _IT, pool="desk", strategy="best_match", wants={"skills": ["clod"]}), "routing.yaml rules.0.to.wants.skills.0", "nobody of desk has the skill clod"),
    ("team/reps/0/capacity/caps", [{"at_most": 3, "per": "day"}, {"at_most": 2, "per": "day"}], "team.yaml reps.0.capacity.caps.1", "a second cap per day"),
    ("team/reps/0/capacity/caps", [{"at_most": 3, "per": "hour"}, {"at_most": 2, "per": "week"}], "team.yaml reps.0.capacity.caps.0", "is never reached"),
    ("team/reps/1/capacity/caps", [{"at_most": 0, "per": "day"}], "team.yaml reps.1.capacity", "gets no lead"),
    ("team/pools/0/returning", {"policy": "average", "window": "1d"}, "team.yaml pools.0.returning.window", "says nothing under the policy average"),
    ("team/pools/0/returning", {"policy": "credit", "expires": "0s"}, "team.yaml pools.0.returning.expires", "nothing can be made up"),
    ("readiness/ready/0/when", {"any": []}, "readiness.yaml ready.0.when", "no lead can ever match"),
    ("readiness/ready/0/when", {"fit": {"gte": 60, "lt": 50}}, "readiness.yaml ready.0.when", "no lead can ever match"),
    ("readiness/ready/0/when", {"none": [{}]}, "readiness.yaml ready.0.when", "no lead can ever match"),
    ("readiness/ready", [{"name": "a", "when": {}}, {"name": "b", "when": _IT}], "readiness.yaml ready.1", "number 1 takes every lead"),
    ("readiness/ready", [{"name": "a", "when": _IT}, {"name": "b", "when": _IT}], "readiness.yaml ready.1", "an earlier one asks the same"),
    ("routing/rules", [_rule("a", {"all": []}), _rule("b", _IT)], "routing.yaml rules.1", "number 1 takes every lead"),
    ("nurture/tracks", [{"id": "all", "name": _NAME, "review_after": "1d"}, {"id": "rest", "name": _NAME, "review_after": "1d"}], "nurture.yaml tracks.1", "number 1 takes every lead"),
    ("readiness/ready/0/when", {"activity.pricing_veiw": {"at_least": 1}}, "readiness.yaml ready.0.when.activity.pricing_veiw", "did you mean pricing_view?"),
    ("scoring/activities", {"pricing_veiw": {"points": 1}}, "scoring.yaml activities.pricing_veiw", "did you mean pricing_view?"),
    ("journey/evidence", {}, "journey.yaml stages.1", "no lead can be seen at late"),
    ("nurture/reasons/0", {"id": "busy", "name": _NAME, "then": "next_rep", "cool_down": "7d"}, "nurture.yaml reasons.0.cool_down", "says nothing"),
    ("routing/otherwise/strategy", "owner", "routing.yaml otherwise.strategy", "asks for no owner"),
    ("sla/policies/0/hops", 0, "sla.yaml policies.0.hops", "straight to the manager"),
    ("team/reps/+", _rep("idle"), "team.yaml reps.2.id", "idle is in no pool"),
    ("team/reps/1/capacity", {"open": 0}, "team.yaml reps.1.capacity", "boss has capacity 0"),
    ("team/reps/1/role", "rep", "team.yaml reps.1.role", "not a manager by role"),
    ("team/reps/1/email", "ann@example.com", "team.yaml reps.1.email", "boss and ann have the same address"),
    ("team/calendars/0/hours", {"mon": ["09:00-18:00"], "thu": []}, "team.yaml pools.0.members", "nobody of desk works on tue, wed, thu, fri"),
    ("team/calendars/+", {"id": "us", "zone": "America/New_York", "hours": {"mon": ["09:00-17:00"]}}, "team.yaml calendars.1.id", "no rep works by the calendar us"),
    ("team/pools/+", {"id": "spare", "name": _NAME, "members": [{"rep": "ann"}], "manager": "boss"}, "team.yaml pools.1.id", "no routing rule names the pool spare"),
    ("sla/policies/+", {"id": "hot", "name": _NAME, "accept": {"within": "1h"}, "contact": {"within": "4h"}}, "sla.yaml policies.1.id", "no routing rule promises hot"),
    ("scoring", {"half_life_days": 7, "groups": {"mail": {"max_points": 50}}, "activities": {"email_open": {"points": 1, "max_points": 9, "group": "mail"}}}, "scoring.yaml groups.mail.max_points", "is never reached: all of mail come to 9 at most"),
    ("persona/personas/0/must", [{"when": {}}], "persona.yaml personas.0.must.0.when", "every lead has this"),
    ("persona/personas/0/must", [{"when": {"any": []}}], "persona.yaml personas.0.must.0.when", "no lead can ever match"),
    ("journey/falls_back", {"late": {"to": "early", "lasts": "30d"}}, "journey.yaml falls_back.late", "the evidence of late never grows old; give it within_days"),
    ("readiness/ready/0/personas", {"it": {"fit": 50}}, "readiness.yaml ready.0.personas.it.fit", "asks the same of it as of everybody"),
    ("readiness/ready/0", {"name": "x", "when": {"buying_stage": {"at_least": "late"}}, "personas": {"it": {"buying_stage": "early"}}}, "readiness.yaml ready.0.personas.it.buying_stage", "before late only rules that ask for hand_raise count"),
]  # fmt: skip


@pytest.mark.parametrize("path, value, place, words", DOUBTS, ids=[f"{d[0]}-{d[3][:20]}" for d in DOUBTS])
def test_what_is_probably_not_meant_is_a_doubt_and_no_error(
    path: str, value: Any, place: str, words: str
) -> None:
    """A doubt is told with its place, and a rulebook with doubts can still be published."""
    book = _put(path, value)

    doubts = warnings(book)

    assert lint(book) == []
    assert [f"{one.file} {'.'.join(map(str, one.path))}" for one in doubts] == [place]
    assert words in doubts[0].message


def test_an_owner_rule_hides_no_rule_after_it() -> None:
    """`owner` passes leads without an owner on, so the rule after one that always holds is reached."""
    book = _put("routing/rules", [_rule("own", {}, strategy="owner"), _rule("it", _IT)])

    assert warnings(book) == []


def test_a_kind_of_ones_own_is_no_doubt_when_it_is_scored() -> None:
    """Own kinds of activity are welcome: once scored, conditions may ask for them."""
    documents = _documents()
    documents["scoring"]["activities"]["fair_visit"] = {"points": 3}
    documents["readiness"]["ready"][0]["when"] = {"activity.fair_visit": {"at_least": 1}}

    assert warnings(Rulebook.model_validate(documents)) == []


@pytest.mark.parametrize(
    "machines, words",
    [
        ({"told": False}, "looks for nothing"),
        ({"soon": "0s"}, "greater than or equal to 1"),
        ({"soon": "1h"}, "less than or equal to 600"),
        ({"burst": {"at_least": 1, "within": "1s"}}, "greater than or equal to 2"),
        ({"burst": {"at_least": 4}}, "Field required"),
    ],
)
def test_marks_of_machines_that_mean_nothing_are_refused(machines: dict[str, Any], words: str) -> None:
    """The shape of the block is checked as it is read."""
    with pytest.raises(ValidationError, match=words):
        _put("scoring/machines", machines)


def test_a_stage_that_is_fallen_to_needs_no_evidence() -> None:
    """Leads are seen there for as long as the fall lasts."""
    documents = _documents()
    documents["journey"] |= {
        "stages": ["early", "middle", "late"],
        "evidence": {"late": {"activity.pricing_view": {"within_days": 30}}},
        "falls_back": {"late": {"to": "middle", "lasts": "30d"}},
    }
    assert warnings(Rulebook.model_validate(documents)) == []
