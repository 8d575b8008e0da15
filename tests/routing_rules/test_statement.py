"""The statement in words: golden, in Japanese and English, for every outcome that a turn can have."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest

from routing_rules.place import place
from routing_rules.roster import Load, PoolState
from routing_rules.statement import outcome_of, say
from routing_rules.turns import TURN
from schemas.handover import Offer, TurnKind
from schemas.rulebook.routing import Strategy
from tests.factories import NOW, a_policy, a_team, a_waiting


def a_turn(**over: Any) -> dict[str, Any]:
    """Return a turn that Sato took in a round robin."""
    owed = {
        "sato": {"owed": TURN * 9 // 10, "share": TURN // 2},
        "kato": {"owed": TURN // 10, "share": TURN // 2},
    }
    return {"kind": "taken", "rep": "sato", "strategy": "round_robin", "considered": owed, "skipped": {},
            "amount": -TURN, "makeup": 0, "why": None, **over}  # fmt: skip


def even(mine: int, share: int = TURN // 2) -> dict[str, Any]:
    """Return figures of a round robin in which Sato was owed half a turn and a half of this one."""
    return {"sato": {"owed": TURN // 2, "share": TURN // 2}, "kato": {"owed": mine, "share": share}}


def a_load(open_: int, today: int | None = None, weight: int = 1, **more: int) -> dict[str, Any]:
    """Return what `least_loaded` compares; without today's count as it was kept at first."""
    return {**more, "open": open_, **({} if today is None else {"today": today}), "weight": weight}


MATCH = {"score": 212.5, "skills": 50.0, "language": 100, "win_rate": 62.5, "won": 5, "lost": 3, "open": 4,
         "today": 1, "weight": 1}  # fmt: skip
BETTER = {**MATCH, "score": 262.5, "skills": 100.0, "open": 7}
ALIKE = {**MATCH, "score": 222.5, "win_rate": 72.5, "open": 7}
#: What happened -> for Kato, the outcome, and the words in both languages.
GOLDEN: list[tuple[dict[str, Any], str, str, str]] = [
    (a_turn(rep="kato", considered={"sato": {"owed": 0, "share": TURN // 2}, "kato": {"owed": TURN // 10, "share": TURN // 2}}),
     "taken", "あなたの番でした（持ち分 0.10 番、今回の割当 0.50 番）",
     "your turn: you were owed 0.10 turns, 0.50 of them from this lead"),
    (a_turn(rep="kato", considered={"kato": {"owed": TURN, "share": TURN}}), "taken",
     "あなたの番でした（持ち分 1.00 番、今回の割当 1.00 番）",
     "your turn: you were owed 1.00 turns, 1.00 of them from this lead"),
    (a_turn(), "passed", "satoさんの番でした（持ち分 あなた 0.10 番、satoさん 0.90 番）",
     "sato's turn: you were owed 0.10 turns, sato 0.90"),
    (a_turn(considered=even(TURN // 2 - 500)), "passed", "satoさんの番でした（持ち分 あなた 0.499306 番、satoさん 0.500000 番）",
     "sato's turn: you were owed 0.499306 turns, sato 0.500000"),
    (a_turn(considered=even(TURN // 2)), "passed", "持ち分が同じだったため、くじでsatoさんに決まりました（持ち分 どちらも 0.50 番）",
     "a tie, and the lot fell to sato: both of you were owed 0.50 turns"),
    (a_turn(rep="kato", considered=even(TURN // 2)), "taken",
     "持ち分が同じだったため、くじであなたに決まりました（持ち分 0.50 番、今回の割当 0.50 番）",
     "a tie, and the lot fell to you: you were owed 0.50 turns, 0.50 of them from this lead"),
    (a_turn(considered=even(TURN // 2, TURN // 4)), "passed",
     "持ち分が同じで、重みまたはくじでsatoさんに決まりました（持ち分 どちらも 0.50 番）",
     "a tie, and the weight or the lot decided for sato: both of you were owed 0.50 turns"),
    (a_turn(rep="kato", considered=even(TURN // 2, TURN * 3 // 4)), "taken",
     "持ち分が同じで、重みまたはくじであなたに決まりました（持ち分 0.50 番、今回の割当 0.75 番）",
     "a tie, and the weight or the lot decided for you: you were owed 0.50 turns, 0.75 of them from this lead"),
    (a_turn(considered=even(TURN * 6 // 10)), "passed",
     "satoさんの番でした（持ち分 あなた 0.60 番、satoさん 0.50 番。先に1番分に達するため）",
     "sato's turn: you were owed 0.60 turns, sato 0.50, who would have been owed a whole one first"),
    (a_turn(rep="kato", considered=even(TURN * 4 // 10)), "taken", "あなたの番でした（持ち分 0.40 番。先に1番分に達するため）",
     "your turn: you were owed 0.40 turns, and would have been owed a whole one first"),
    (a_turn(strategy="least_loaded", considered={"sato": a_load(2, 0), "kato": a_load(7, 1, 2)}),
     "passed", "satoさんの方が重みあたりの手持ち件数が少ない状態でした（あなた 手持ち 7 件 / 本日 1 件 / 重み 2、satoさん 手持ち 2 件 / 本日 0 件）",
     "sato had fewer open leads for the weight: you 7 open / 1 today / weight 2, sato 2 open / 0 today"),
    (a_turn(rep="kato", strategy="least_loaded", considered={"kato": a_load(2, 1), "sato": a_load(3, 0)}),
     "taken", "あなたの手持ち件数が最も少ない状態でした（手持ち 2 件 / 本日 1 件）", "you had the fewest open leads: 2 open / 1 today"),
    (a_turn(rep="kato", strategy="least_loaded", considered={"kato": a_load(2, 1, value=8)}),
     "taken", "受けられるのはあなただけでした（8 ポイント / 手持ち 2 件 / 本日 1 件）", "only you could take it: 8 value points / 2 open / 1 today"),
    (a_turn(rep="kato", strategy="least_loaded", considered={"kato": a_load(2, 1, value=8), "sato": a_load(2, 1, value=9)}),
     "taken", "あなたの手持ちポイントが最も少ない状態でした（8 ポイント / 手持ち 2 件 / 本日 1 件）",
     "you had the fewest value points: 8 value points / 2 open / 1 today"),
    (a_turn(strategy="least_loaded", considered={"kato": a_load(2, 1, value=9), "sato": a_load(2, 1, value=8)}),
     "passed", ("satoさんの方が手持ちポイントが少ない状態でした"
                "（あなた 9 ポイント / 手持ち 2 件 / 本日 1 件、satoさん 8 ポイント / 手持ち 2 件 / 本日 1 件）"),
     "sato had fewer value points: you 9 value points / 2 open / 1 today, sato 8 value points / 2 open / 1 today"),
    (a_turn(strategy="least_loaded", considered={"sato": a_load(2, 1), "kato": a_load(2, 3)}),
     "passed", "手持ちは並び、satoさんの方が本日の件数が少ない状態でした（あなた 手持ち 2 件 / 本日 3 件、satoさん 手持ち 2 件 / 本日 1 件）",
     "a tie in what is open, and sato had fewer leads today: you 2 open / 3 today, sato 2 open / 1 today"),
    (a_turn(rep="kato", strategy="least_loaded", considered={"sato": a_load(2, 1), "kato": a_load(2, 0)}),
     "taken", "手持ちは並び、あなたの本日の件数が最も少ない状態でした（手持ち 2 件 / 本日 0 件）",
     "a tie in what is open, and you had the fewest leads today: 2 open / 0 today"),
    (a_turn(strategy="least_loaded", considered={"sato": a_load(2, 1), "kato": a_load(2, 1)}),
     "passed", "手持ちも本日の件数も並び、くじでsatoさんに決まりました（あなた 手持ち 2 件 / 本日 1 件、satoさん 手持ち 2 件 / 本日 1 件）",
     "a tie, and the lot fell to sato: you 2 open / 1 today, sato 2 open / 1 today"),
    (a_turn(rep="kato", strategy="least_loaded", considered={"sato": a_load(2, 1), "kato": a_load(2, 1), "mori": a_load(9, 1)}),
     "taken", "手持ちも本日の件数も並び、くじであなたに決まりました（手持ち 2 件 / 本日 1 件）",
     "a tie, and the lot fell to you: 2 open / 1 today"),
    (a_turn(strategy="least_loaded", considered={"sato": a_load(2), "kato": a_load(2)}), "passed",
     "satoさんに決まりました（あなた 手持ち 2 件、satoさん 手持ち 2 件）", "sato was chosen: you 2 open, sato 2 open"),
    (a_turn(rep="kato", strategy="least_loaded", considered={"sato": a_load(2), "kato": a_load(2)}), "taken",
     "あなたに決まりました（手持ち 2 件）", "you were chosen: 2 open"),
    (a_turn(strategy="best_match", considered={"sato": BETTER, "kato": MATCH}), "passed",
     ("satoさんの方が合っていました（あなた 212.5点 [スキル 50, 言語 100, 受注率 62.5] / 手持ち 4 件 / 本日 1 件、"
     "satoさん 262.5点 [スキル 100, 言語 100, 受注率 62.5] / 手持ち 7 件 / 本日 1 件）"),
     ("sato matched better: you 212.5 points [skills 50, language 100, win rate 62.5] / 4 open / 1 today,"
     " sato 262.5 points [skills 100, language 100, win rate 62.5] / 7 open / 1 today")),
    (a_turn(rep="kato", strategy="best_match", considered={"kato": BETTER, "sato": MATCH}), "taken",
     "あなたが最も合っていました（262.5点 [スキル 100, 言語 100, 受注率 62.5] / 手持ち 7 件 / 本日 1 件）",
     "you matched best: 262.5 points [skills 100, language 100, win rate 62.5] / 7 open / 1 today"),
    (a_turn(rep="kato", strategy="best_match", considered={"kato": MATCH, "sato": ALIKE}), "taken",
     "合い方は同等（15点以内）で、あなたの手持ち件数が最も少ない状態でした（212.5点 [スキル 50, 言語 100, 受注率 62.5] / 手持ち 4 件 / 本日 1 件）",
     ("matches within 15 points count as equal; you had the fewest open leads:"
      " 212.5 points [skills 50, language 100, win rate 62.5] / 4 open / 1 today")),
    (a_turn(strategy="best_match", considered={"kato": ALIKE, "sato": MATCH}), "passed",
     ("合い方は同等（15点以内）で、satoさんの方が手持ち件数が少ない状態でした（あなた 222.5点 [スキル 50, 言語 100, 受注率 72.5] / 手持ち 7 件 / 本日 1 件、"
      "satoさん 212.5点 [スキル 50, 言語 100, 受注率 62.5] / 手持ち 4 件 / 本日 1 件）"),
     ("matches within 15 points count as equal; sato had fewer open leads:"
      " you 222.5 points [skills 50, language 100, win rate 72.5] / 7 open / 1 today,"
      " sato 212.5 points [skills 50, language 100, win rate 62.5] / 4 open / 1 today")),
    (a_turn(rep="kato", strategy="claim"), "taken", "あなたが最初に引き受けました", "you claimed it first"),
    (a_turn(rep="kato", strategy="owner"), "taken", "あなたの担当先でした", "the account or the lead is yours"),
    (a_turn(rep="kato", strategy="escalation"), "taken", "他に受けられる人がいませんでした",
     "nobody else could take it"),
    (a_turn(skipped={"kato": "absent"}), "absent", "不在でした", "you were absent"),
    (a_turn(skipped={"kato": "closed"}), "closed", "勤務時間外でした", "you were off hours"),
    (a_turn(skipped={"kato": "out_of_rotation"}), "out_of_rotation", "期限を過ぎたリードがあり、配分から一時的に外れていました",
     "a missed deadline had taken you out of rotation for a while"),
    (a_turn(skipped={"kato": "full 20/20"}), "full", "持っているリードが上限でした（20/20）",
     "you held as many leads as you may (20/20)"),
    (a_turn(skipped={"kato": "day_full 8/8"}), "day_full", "本日の上限に達していました（8/8）",
     "you had reached your limit for the day (8/8)"),
    (a_turn(skipped={"kato": "cap_hour 2/2"}), "cap_hour", "1時間の上限に達していました（2/2）",
     "you had reached your cap per hour (2/2)"),
    (a_turn(skipped={"kato": "cap_day 3/3"}), "cap_day", "1日の上限に達していました（3/3）",
     "you had reached your cap per day (3/3)"),
    (a_turn(skipped={"kato": "cap_week 15/15"}), "cap_week", "1週間の上限に達していました（15/15）",
     "you had reached your cap per week (15/15)"),
    (a_turn(skipped={"kato": "cap_month 40/40"}), "cap_month", "1か月の上限に達していました（40/40）",
     "you had reached your cap per month (40/40)"),
    (a_turn(skipped={"kato": "had_it"}), "had_it", "以前に担当または辞退したリードでした", "you had this lead before"),
    (a_turn(skipped={"kato": "inactive"}), "inactive", "配分の対象から外れています", "you are not active"),
    (a_turn(skipped={"kato": "no_weight"}), "no_weight", "このプールでの重みが0です", "your weight in this pool is 0"),
    (a_turn(strategy="claim", skipped={"kato": "claimed by sato"}), "claimed", "satoさんが先に引き受けました",
     "sato claimed it first"),
    (a_turn(kind="returned", rep="kato", amount=TURN, why="duplicate"), "returned",
     "順番を戻しました（+1.00 番、理由: duplicate）", "turn given back (+1.00, reason: duplicate)"),
    (a_turn(kind="joined", rep="kato", amount=0), "joined", "プールに加わりました（開始時の持ち分 +0.00 番）",
     "joined the pool (begins with +0.00 turns)"),
    (a_turn(kind="average", rep="kato", amount=-TURN // 4), "average", "復帰: 他の人の平均に揃えました（-0.25 番）",
     "back: set level with the others (-0.25 turns)"),
    (a_turn(kind="credit", rep="kato", amount=0, makeup=2 * TURN), "credit", "復帰: 不在中に逃した 2.00 番を取り戻せます",
     "back: 2.00 turns missed may be made up"),
    (a_turn(kind="expired", rep="kato", amount=0, makeup=-TURN // 2), "expired", "取り戻しの期限が切れました（0.50 番）",
     "turns to make up expired (0.50)"),
    (a_turn(kind="carried", rep="kato", amount=TURN // 2), "carried", "台帳ができる前からの持ち分です（+0.50 番）",
     "owed from before the ledger (+0.50 turns)"),
]  # fmt: skip


@pytest.mark.parametrize(
    "turn, outcome, ja, en", GOLDEN, ids=[f"{row[0]['strategy']}-{row[1]}" for row in GOLDEN]
)
def test_words(turn: dict[str, Any], outcome: str, ja: str, en: str) -> None:
    """What Kato reads, to the letter."""
    assert outcome_of(turn, "kato") == outcome
    assert say(turn, "kato", "ja") == ja
    assert say(turn, "kato", "en") == en


def test_nothing_is_left_without_words() -> None:
    """Every strategy that a lead can go by and every kind of the ledger stands among the examples."""
    taken = {turn["strategy"] for turn, *_ in GOLDEN if turn["kind"] == "taken"}
    assert taken == {*get_args(Strategy), "escalation"}
    assert {turn["kind"] for turn, *_ in GOLDEN} == set(get_args(TurnKind))


def test_every_gate_has_words() -> None:
    """Whatever `place` says of a rep who was passed over can be said in both languages."""
    away = {"absences": [{"starts": "2026-11-24T00:00:00+09:00", "ends": "2026-11-26T00:00:00+09:00"}]}
    caps = [{"at_most": 1, "per": per} for per in ("hour", "day", "week", "month")]
    capped = {f"cap_{cap['per']}": {"capacity": {"open": 5, "caps": [cap]}} for cap in caps}
    team = a_team(
        {"zero": 0, **dict.fromkeys(["gone", "off", "left", "had", "full", "day", "out", "kato", *capped], 1)},
        [{"id": "night", "zone": "Asia/Tokyo", "hours": {"tue": ["20:00-21:00"]}}],
        gone=away, off={"calendar": "night"}, left={"active": False}, **capped,
    )  # fmt: skip
    team.reps["out"] = replace(
        team.reps["out"], out_of_rotation=((NOW - timedelta(hours=1), NOW + timedelta(hours=1)),)
    )
    loads = {name: Load(given=[NOW]) for name in capped} | {"full": Load(open=5), "day": Load(today=5)}
    offer = place(a_waiting(had=frozenset({"had"})), team, a_policy(), PoolState(loads=loads), NOW)
    assert isinstance(offer, Offer)
    assert len(offer.skipped) == 8 + len(capped)
    turn = a_turn(rep=offer.rep, strategy=offer.strategy, considered=offer.considered, skipped=offer.skipped)
    for rep in offer.skipped:
        for lang in ("ja", "en"):
            assert say(turn, rep, lang)
    assert {outcome_of(turn, rep) for rep in offer.skipped} == {
        "no_weight", "absent", "closed", "inactive", "had_it", "full", "day_full", "out_of_rotation", *capped,
    }  # fmt: skip


def test_words_of_a_tie_are_true() -> None:
    """Over many leads: whoever is said to have had fewer had fewer, and a lot decided only between equals."""
    team = a_team({"sato": 1, "kato": 1, "mori": 2})
    seen: set[str] = set()
    for lead in range(1, 200):
        loads = {
            rep: Load(open=lead % (2 + at), today=lead // 7 % (2 + at)) for at, rep in enumerate(team.reps)
        }
        before = {rep: (load.open, load.today) for rep, load in loads.items()}
        waiting = a_waiting(lead_id=lead, strategy="least_loaded")
        offer = place(waiting, team, a_policy(), PoolState(loads=loads), NOW)
        assert isinstance(offer, Offer)
        weights = {"sato": 1, "kato": 1, "mori": 2}
        for rep in offer.considered.keys() - {offer.rep}:
            turn = a_turn(rep=offer.rep, strategy="least_loaded", considered=offer.considered)
            words = say(turn, rep, "en")
            mine, theirs = (tuple(one / weights[who] for one in before[who]) for who in (rep, offer.rep))
            kind = next(
                one for one in ("the lot fell", "fewer leads today", "fewer open leads") if one in words
            )
            seen.add(kind)
            assert (kind == "the lot fell") == (mine == theirs), words
            assert (kind == "fewer leads today") == (mine[0] == theirs[0] and theirs[1] < mine[1]), words
            assert (kind == "fewer open leads") == (theirs[0] < mine[0]), words
    assert len(seen) == 3


@pytest.mark.parametrize(
    "turn, ja, en",
    [
        (a_turn(), "佐藤さんの番でした（持ち分 あなた 0.10 番、佐藤さん 0.90 番）", "佐藤's turn: you were owed 0.10 turns, 佐藤 0.90"),
        (a_turn(strategy="claim", skipped={"kato": "claimed by sato"}), "佐藤さんが先に引き受けました", "佐藤 claimed it first"),
        (a_turn(rep="ito", considered=a_turn()["considered"] | {"ito": {"owed": TURN, "share": 0}}),
         "itoさんの番でした（持ち分 あなた 0.10 番、itoさん 1.00 番）", "ito's turn: you were owed 0.10 turns, ito 1.00"),
    ],
)  # fmt: skip
def test_colleagues_are_called_by_their_names(turn: dict[str, Any], ja: str, en: str) -> None:
    """A rep reads whose turn it was; who left the team is known by their id alone."""
    names = {"sato": "佐藤", "kato": "加藤"}
    assert (say(turn, "kato", "ja", names), say(turn, "kato", "en", names)) == (ja, en)
