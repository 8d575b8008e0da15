"""Rulebooks that use none of the optional features judge as they did before there were any.

`judged_before/` holds a rulebook and what the code of that day made of 240 leads. Written anew only when the
judgement is changed on purpose (and JUDGEMENT raised): `python -m tests.routing_rules.test_judged_as_before`.
"""

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from routing_rules.compiled import CompiledBook, compile_book
from routing_rules.facts import DAY_MS
from routing_rules.judge import judge
from schemas.decision import Judgement
from schemas.lead import LeadState, Standing
from schemas.rulebook.book import Rulebook
from tests.factories import NOW_MS, WHO, a_state

FOLDER: Final = Path(__file__).parent / "judged_before"
LEADS: Final = 240
_KINDS: Final = (
    "page_view", "pricing_view", "case_study_view", "email_sent", "email_open", "email_click", "email_bounce",
    "unsubscribe", "careers_view", "whitepaper_download", "webinar_registered", "webinar_attended", "event_attended",
    "newsletter_signup", "form_submit", "trial_started", "product_login", "demo_request", "contact_request", "own_kind",
)  # fmt: skip
_STANDINGS: Final[tuple[dict[str, Any], ...]] = (
    {}, {"lifecycle_stage": "nurture", "track": "basics"}, {"lifecycle_stage": "sal"}, {"lifecycle_stage": "mql"},
    {"lifecycle_stage": "nurture", "track": "win_back", "recycle_count": 1, "rule": "declined.not_now",
     "recycled_at_ms": NOW_MS - 9 * DAY_MS, "cool_down_until_ms": NOW_MS + 3 * DAY_MS},
)  # fmt: skip


def leads() -> Iterator[tuple[str, LeadState, Standing]]:
    """Return leads that are the same on every machine: who, what they did, where they stand."""
    for seed in range(LEADS):
        chance = random.Random(seed)
        who = sorted(WHO)[seed % len(WHO)]
        kinds = chance.sample(_KINDS, chance.randint(0, 9))
        did = {kind: [chance.randint(0, 900) / 10 for _ in range(chance.randint(1, 6))] for kind in kinds}
        yield who, a_state(did, **WHO[who]), Standing(**_STANDINGS[chance.choice((0, 0, 0, 0, 1, 2, 3, 4))])


def line(who: str, came: Judgement) -> str:
    """Return what came out, with two short hashes: of the reasons for the verdict, and of what is missing."""
    reasons = came.reasons
    why = (reasons.fit_rules, reasons.known, reasons.engagement, reasons.rule, reasons.route)
    cells = (
        who, came.verdict, came.lifecycle_stage, came.persona, came.fit, came.fit_grade, came.engagement,
        came.buying_stage, came.track, came.review_at_ms, _hash(why), _hash((reasons.nearest, reasons.missing)),
    )  # fmt: skip
    return "\t".join(str(cell) for cell in cells)


def _hash(said: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:12]


def the_book() -> CompiledBook:
    """Return the rulebook of that day."""
    document = json.loads((FOLDER / "rulebook.json").read_text("utf-8"))
    return compile_book(Rulebook.model_validate(document), version=1)


def judged() -> list[str]:
    """Judge all of them."""
    book = the_book()
    return [line(who, judge(state, standing, book, NOW_MS)) for who, state, standing in leads()]


def test_every_lead_is_judged_as_before() -> None:
    """Verdict, fit, points, stage, review and reasons are the same to the last digit."""
    assert judged() == (FOLDER / "verdicts.tsv").read_text("utf-8").splitlines()


if __name__ == "__main__":
    (FOLDER / "verdicts.tsv").write_text("\n".join(judged()) + "\n", "utf-8")
