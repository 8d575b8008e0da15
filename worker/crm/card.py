"""A lead as neutral facts, read at the moment it is written: what any CRM may be told, in words people read."""

from datetime import UTC, datetime
from typing import Any, Final, Literal

from routing_rules.explain import activity_name, buying_stage_name, persona_name, rule_name, track_name
from schemas.base import Lang
from schemas.lead import LeadState
from worker.names import full_name, split_name
from worker.rulebooks import Loaded
from worker.settings import settings
from worker.store.leads import decode_state

#: Where the lead is with sales: finer than its lifecycle stage, since a CRM's status is.
Situation = Literal["mql", "offered", "sal", "contacted", "sql", "won", "lost", "nurture", "disqualified"]

#: Every fact that a mapping may write, and what it is.
FACTS: Final = {
    "family_name": "family name",
    "given_name": "given name",
    "full_name": "name as people say it: family name first in Japanese, given name first in Latin letters",
    "email": "e-mail address",
    "phone": "phone number",
    "title": "job title",
    "department": "department",
    "company": "company name",
    "company_domain": "web domain of the company",
    "corporate_number": "法人番号",
    "employees": "head count",
    "industry": "industry",
    "country": "country, two letters",
    "region": "prefecture or region",
    "language": "language",
    "campaign": "campaign",
    "lead_source": "source of the lead's first event",
    "persona": "persona, by name",
    "fit": "fit, 0-100",
    "fit_grade": "fit grade, A-D",
    "engagement": "engagement, in whole points",
    "buying_stage": "buying stage, by name",
    "lifecycle_stage": "lifecycle stage: inquiry, nurture, mql, sal, sql, won, lost, disqualified",
    "why_ready": "why the lead became sales-ready: the rule, and what the lead did last",
    "track": "nurture track",
    "link": "TASUKI_CRM_CONSOLE_URL and the lead's number, as BASE/leads/1000; nothing while that is unset",
    "rep": "rep who holds the lead, by id in team.yaml",
    "rep_email": "the rep's e-mail address",
    "owner": "the rep as a user of the CRM",
    "next_step": "what is to be done next",
    "next_step_due": "until when",
    "situation": "where the lead is with sales: mql, offered, sal, contacted, sql, won, lost, nurture, disqualified",
    "status": "the CRM's word for where the lead is, by the mapping's `status`",
    "lifecycle": "the CRM's lifecycle stage, by the mapping's `lifecycle`",
}

_NEXT: Final[dict[str, tuple[str, str]]] = {
    "mql": ("担当者の割り当て待ち", "waits for a rep"),
    "offered": ("リードを引き受ける", "accept the lead"),
    "sal": ("初回の連絡をする", "make the first contact"),
    "contacted": ("商談にするか決める", "decide on an opportunity"),
    "sql": ("商談を進める", "work the opportunity"),
    "nurture": ("マーケティングが育成中", "held by marketing"),
}


def situation(row: Any) -> Situation:
    """Return where the lead is with sales, from a row of `worker.store.crm.facts`."""
    stage: Situation | Literal["inquiry"] = row.lifecycle_stage
    if stage == "sal" and row.contacted_at is not None:
        return "contacted"
    if stage == "mql" and row.offered_at is not None:
        return "offered"
    return "nurture" if stage == "inquiry" else stage


def make_card(row: Any, loaded: Loaded, lang: Lang) -> dict[str, Any]:
    """Return the facts of a lead that are known; what is not known is not in it.

    Args:
        row: of `worker.store.crm.facts`.
        loaded: the rulebook in force, for names and for the rep's address.
        lang: the language of what people read.

    """
    state = decode_state(row.state)
    where = situation(row)
    rep = loaded.team.reps.get(row.owner or "")
    family, given = split_name(state)
    ready = where not in ("nurture", "disqualified") and row.ready_rule is not None
    facts: dict[str, Any] = {
        "family_name": family,
        "given_name": given,
        "full_name": full_name(family, given),
        **{name: state.fact(name) for name in (
            "email", "phone", "title", "department", "company", "company_domain", "corporate_number", "employees",
            "industry", "country", "region", "language", "campaign",
        )},
        "lead_source": state.first[1] if state.first else None,
        "persona": persona_name(row.persona, loaded.book, lang) if row.persona else None,
        "fit": row.fit,
        "fit_grade": row.fit_grade,
        "engagement": round(row.engagement),
        "buying_stage": buying_stage_name(row.buying_stage, loaded.book, lang) if row.buying_stage else None,
        "lifecycle_stage": row.lifecycle_stage,
        "why_ready": _why(row.ready_rule, state, loaded, lang) if ready else None,
        "track": track_name(row.track, loaded.book, lang) if where == "nurture" and row.track else None,
        "link": _link(row.lead_id),
        "rep": row.owner,
        "rep_email": str(rep.spec.email) if rep else None,
        "situation": where,
        **_next_step(row, where, lang),
    }  # fmt: skip
    return {name: value for name, value in facts.items() if value is not None}


def _why(rule: str, state: LeadState, loaded: Loaded, lang: Lang) -> str:
    newest = sorted(state.last.items(), key=lambda item: -item[1])[:3]
    acts = [
        f"{activity_name(kind, loaded.book, lang)} {datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"
        for kind, at_ms in newest
    ]
    name = rule_name(rule, loaded.book, lang)
    return f"{name}: {'、'.join(acts) if lang == 'ja' else ', '.join(acts)}" if acts else name


def _link(lead_id: int) -> str | None:
    base = settings().crm_console_url
    return None if base is None else f"{str(base).rstrip('/')}/leads/{lead_id}"


def _next_step(row: Any, where: str, lang: Lang) -> dict[str, Any]:
    words = _NEXT.get(where)
    if words is None:
        return {}
    due = (
        row.due_at if where in ("offered", "sal") else None
    )  # a review moves with every judgement: no date to tell
    said = {"next_step": words[0] if lang == "ja" else words[1]}
    return (
        said if due is None else {**said, "next_step_due": due.astimezone(UTC).isoformat(timespec="seconds")}
    )
