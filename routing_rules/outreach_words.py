"""The gate's reasons in words, Japanese and English, at reading time."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from routing_rules.gate import WORDS, gate_words
from routing_rules.outreach import ChannelAnswer, Outreach
from schemas.base import Lang

_CHANNEL: Final = {"email": ("メール", "mail"), "phone": ("電話", "phone")}
_REASON: Final = {
    **WORDS,
    "permitted": ("連絡できます", "may be used"),
    "cooling_down": ("差し戻し後の冷却期間中です", "it cools down after it was handed back"),
    "dormant": ("長く動きがなく休眠中です", "it is asleep: no activity for long"),
    "sunset": ("配信を終了しています", "marketing has stopped writing to it"),
    "permission_withdrawn": ("本人が許可を取り消しています", "the person withdrew permission"),
    "no_address": ("連絡先が不明です", "no address or number is known"),
    "no_basis": ("連絡の法的根拠（同意など）がありません", "there is no ground for the contact, such as consent"),
    "quiet_hours": ("相手の時間帯では連絡を控える時間です", "it is a quiet hour where the person is"),
    "tried_lately": ("直前に連絡したばかりです", "sales tried a short while ago"),
    "unknown_person": ("該当するリードが見つかりません", "no lead is known by these words"),
    "several_people": ("複数のリードが該当します", "several leads are known by these words"),
    "nothing_to_find_by": ("照合できる項目がありません", "the row says nothing to find a lead by"),
}  # fmt: skip
_BASIS: Final = {
    "opt_in": ("事前の同意が必要", "needs a recorded yes"),
    "relationship": (
        "同意または取引・問い合わせ等の関係が必要",
        "needs a yes, or that the person came to us",
    ),
    "opt_out": ("拒否がなければ可", "allowed unless the person said no"),
}
#: A reason with its end, where `until` is not the word.
_ENDS: Final = {
    "tried_lately": (
        "直前に連絡したばかりのため、{at} まで間を置きます",
        "sales tried a short while ago, and may again from {at}",
    )
}
_NO: Final = ("不可", "no")
#: Every reason that the gate may give.
CODES: Final = tuple(_REASON)


def reason_words(code: str, lang: Lang) -> str:
    """Say one reason."""
    pair = _REASON.get(code, (code, code))
    return pair[0] if lang == "ja" else pair[1]


def answer_words(answer: Outreach, lang: Lang, zone: ZoneInfo) -> str:
    """Say the whole answer in one line: yes or no, and why; each reason with its own time (in `zone`)."""
    first, *others = answer.reasons
    times = _times(answer)
    if first in WORDS:
        word, said = gate_words(answer.may_contact, first, answer.channels, lang)
    else:
        word, said = _NO[0 if lang == "ja" else 1], _timed(first, times.get(first), lang, zone)
    told = [said, *(_timed(code, times.get(code), lang, zone) for code in others)]
    return f"{word}: {('。' if lang == 'ja' else '; ').join(told)}"


def _times(answer: Outreach) -> dict[str, int]:
    """Return reason -> when it ends, of those that end by themselves: on the channel that opens first."""
    if not answer.by_channel:  # the gate is closed as a whole, and only a cool-down has an end
        return {} if answer.from_ms is None else {"cooling_down": answer.from_ms}
    ends = sorted((one.from_ms, one.reason) for one in answer.by_channel if one.from_ms is not None)
    return {reason: at_ms for at_ms, reason in reversed(ends)}


def channel_words(answer: ChannelAnswer, lang: Lang, zone: ZoneInfo) -> str:
    """Say what holds for one channel."""
    words = f"{channel_name(answer.channel, lang)}: {_timed(answer.reason, answer.from_ms, lang, zone)}"
    if answer.basis is not None:
        basis = _BASIS[answer.basis][0 if lang == "ja" else 1]
        law = f"、{answer.law}" if answer.law and lang == "ja" else f", {answer.law}" if answer.law else ""
        words += f"（{basis}{law}）" if lang == "ja" else f" ({basis}{law})"
    return words


def channel_name(channel: str, lang: Lang) -> str:
    """Return a channel's name."""
    pair = _CHANNEL.get(channel, (channel, channel))
    return pair[0] if lang == "ja" else pair[1]


def _timed(code: str, at_ms: int | None, lang: Lang, zone: ZoneInfo) -> str:
    """Say one reason, and until when it holds."""
    words = reason_words(code, lang)
    if at_ms is None:
        return words
    at = f"{datetime.fromtimestamp(at_ms / 1_000, zone):%Y-%m-%d %H:%M %Z}"
    ja, en = _ENDS.get(code, ("{at} まで、{words}", "{words}, until {at}"))
    return (ja if lang == "ja" else en).format(at=at, words=words)
