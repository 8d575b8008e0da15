"""The outreach gate: may sales contact this person now, and why (not)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from schemas.base import Lang
from schemas.lead import LeadState

#: Every reason -> words.
WORDS: Final = {
    "disqualified": ("対象外のリードです", "the lead is disqualified"),
    "no_permitted_channel": (
        "許可された連絡手段がありません（連絡先がないか、同意が撤回されています）",
        "no permitted way is left: no address or number, or permission was withdrawn",
    ),
    "held_in_nurture": (
        "マーケティングが育成中です。営業からの連絡はまだ控えます",
        "marketing still nurtures the lead, away from sales calls",
    ),
    "waiting_for_a_rep": (
        "営業に渡せる状態で、担当者の割り当てを待っています",
        "the lead is sales-ready and waits for a rep",
    ),
    "nobody_holds_it": ("担当者がいません", "no rep holds the lead"),
    "held_by_another_rep": ("別の担当者のリードです", "another rep holds the lead"),
    "with_its_rep": ("担当者が連絡できます", "the lead's rep may"),
}
_CHANNELS: Final = {"email": ("メール", "by email"), "phone": ("電話", "by phone")}
_ANSWER: Final = {True: ("可", "yes"), False: ("不可", "no")}


@dataclass(frozen=True, slots=True)
class Gate:
    """The answer, its reason as a code, and the channels that are left."""

    may_contact: bool
    reason: str
    channels: tuple[str, ...]


def gate(state: LeadState, lifecycle_stage: str, holder: str | None, rep: str | None = None) -> Gate:
    """Answer for one lead.

    Args:
        state: the lead, for its permissions and addresses.
        lifecycle_stage: where it is in our process.
        holder: the rep with the live assignment.
        rep: who asks; None asks for sales as a whole.

    """
    channels = tuple(
        channel
        for channel in ("email", "phone")
        if state.fact(channel) is not None and not state.denied(channel)
    )
    if lifecycle_stage == "disqualified":
        return Gate(may_contact=False, reason="disqualified", channels=())
    if not channels:
        return Gate(may_contact=False, reason="no_permitted_channel", channels=())
    if lifecycle_stage in ("inquiry", "nurture"):
        return Gate(may_contact=False, reason="held_in_nurture", channels=())
    if holder is None:
        reason = "waiting_for_a_rep" if lifecycle_stage == "mql" else "nobody_holds_it"
        return Gate(may_contact=False, reason=reason, channels=())
    if rep is not None and rep != holder:
        return Gate(may_contact=False, reason="held_by_another_rep", channels=())
    return Gate(may_contact=True, reason="with_its_rep", channels=channels)


def gate_words(may_contact: bool, reason: str, channels: Sequence[str], lang: Lang) -> tuple[str, str]:
    """Return the answer (yes or no), and its reason and permitted ways as a sentence."""
    column = 0 if lang == "ja" else 1
    ways = ("、" if lang == "ja" else " or ").join(_CHANNELS[one][column] for one in channels)
    said = WORDS[reason][column]
    if ways:
        said += f"（{ways}）" if lang == "ja" else f", {ways}"
    return _ANSWER[may_contact][column], said
