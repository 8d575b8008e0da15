"""The report in words, Japanese and English; for the screen and for the page."""

from typing import Final

from routing_rules.counted import counted
from schemas.base import Lang
from schemas.learned import Estimate, FieldUse, Measures, Report, Window

_VERDICT: Final = {
    "better": (
        "検証期間で、学習モデルは「{other}」より良い順にリードを並べました。",
        "On the hold-out the model ranks leads better than “{other}”.",
    ),
    "not shown to be better": (
        "学習モデルが「{other}」より良いとは言えません。差の信頼区間が0を含みます。",
        "The model is not shown to be better than “{other}”: the interval of the difference holds 0.",
    ),
    "worse": (
        "学習モデルは「{other}」より劣ります。使わないでください。",
        "The model is worse than “{other}”. Do not use it.",
    ),
    "nothing learned": (
        "受注と非受注を見分ける項目は見つかりませんでした。モデルは全リードに同じ確率を返します。",
        "No field tells won from not won. The model gives every lead the same chance.",
    ),
    "no rule score": (
        "比べる相手のスコアがないため、受注率との比較だけを示します。",
        "There is no score to compare with; only the share won stands beside the model.",
    ),
}
_SCORES: Final = {
    "scorecard": ("学習モデル", "learned scorecard"),
    "rule score": (
        "ルールのスコア（適合度と関心度の順位の平均）",
        "rule score (mean rank of fit and engagement)",
    ),
    "scorecard, refitted": (
        "学習モデル（結果が出るたびに再学習）",
        "learned scorecard, fitted anew as outcomes come",
    ),
    "own hand-overs": ("自社の引き渡し実績", "own hand-overs"),
    "prevalence": ("全件同じ確率（過去の受注率）", "one chance for all (the past share won)"),
    "plain logistic regression": ("通常のロジスティック回帰", "plain logistic regression"),
    "gradient boosting": ("勾配ブースティング", "gradient boosting"),
}
#: Name -> what people read above the column or row.
LABELS: Final = {
    "title": ("成果からの学習: 検証レポート", "Learned from outcomes: the evaluation"),
    "data": ("データ", "Data"),
    "target": ("受注の定義", "What won means"),
    "part": ("期間の分割", "Part"),
    "fitted": ("学習", "fitted"),
    "calibrated": ("較正", "calibrated"),
    "cross-fitted": ("較正（交差検証）", "calibrated (cross-fitted)"),
    "held_out": ("検証（未使用）", "held out"),
    "first": ("最初", "from"),
    "last": ("最後", "to"),
    "leads": ("件数", "leads"),
    "won": ("受注", "won"),
    "share": ("受注率", "share won"),
    "comparison": ("比較（検証期間）", "Comparison on the hold-out"),
    "score": ("スコア", "score"),
    "auc": ("AUC", "AUC"),
    "ap": ("平均適合率", "average precision"),
    "lift": ("上位10%のリフト", "lift of the top 10 %"),
    "brier": ("Brierスコア", "Brier"),
    "slope": ("較正の傾き", "slope"),
    "ece": ("較正誤差", "calibration error"),
    "calibration": ("確率は当たっているか", "Do the chances come true?"),
    "promised": ("モデルの確率", "chance by the model"),
    "came": ("実際の受注率", "share that was won"),
    "weights": ("何が効いているか", "What counts"),
    "odds": ("オッズ倍率", "odds"),
    "left_out": ("使わなかった項目", "Fields left out"),
    "why": ("理由", "why"),
    "field": ("項目", "field"),
    "notes": ("注意", "Notes"),
    "how": ("読み方", "How to read it"),
    "gain": ("ルールとの差", "Model less rule score"),
}
_HOW: Final = (
    (
        (
            "件数は古い順に分け、検証期間のデータは学習にも較正にも使っていません。括弧内は95%信頼区間"
            "（同じ再標本での百分位ブートストラップ{resamples}回、シード{seed}）。"
        ),
        (
            "Cases are split by time; the hold-out was used neither to fit nor to calibrate. In brackets the 95 %"
            " interval ({resamples} bootstrap resamples, the same for all scores; seed {seed})."
        ),
    ),
    (
        (
            "AUC: 受注と非受注を1件ずつ選んだとき、受注の方が上に来る割合（0.5は偶然）。リフト: 上位1割の受注率が全体の何倍か。"
            "Brier: 確率の二乗誤差（小さいほど良い）。較正の傾き: 1が理想、1未満は自信過剰。"
        ),
        (
            "AUC: of a won and a lost lead, how often the won one stands higher (0.5 is chance). Lift: how many times the"
            " share won in the best tenth is that of all. Brier: squared error of the chances, less is better."
            " Slope: 1 is perfect, below 1 the chances are too bold."
        ),
    ),
    (
        "ルールのスコアの確率（Brierなど）は、モデルと同じ較正期間で直線を当てはめて求めています。",
        "The rule score's chances (Brier and calibration) come from a line fitted on the same cases as the model's.",
    ),
)


def label(name: str, lang: Lang) -> str:
    """Return a label."""
    pair = LABELS[name]
    return pair[0] if lang == "ja" else pair[1]


def verdict_words(report: Report, lang: Lang) -> str:
    """Say plainly how the model compares."""
    pair = _VERDICT[report.verdict]
    gain = report.auc_gain
    other = score_name(report.others[0].name, lang) if report.others else "-"
    told = (pair[0] if lang == "ja" else pair[1]).format(other=other)
    if gain is None or gain.value is None or report.verdict == "nothing learned":
        return told
    return f"{told} AUC {signed(gain)}"


def how_words(report: Report, lang: Lang) -> list[str]:
    """Return how the figures are to be read."""
    return [
        (pair[0] if lang == "ja" else pair[1]).format(resamples=report.resamples, seed=report.seed)
        for pair in _HOW
    ]


def signed(one: Estimate) -> str:
    """Return a difference with its interval."""
    if one.value is None or one.low is None or one.high is None:
        return "-"
    return f"{one.value:+.3f} ({one.low:+.3f} … {one.high:+.3f})"


def plain(one: Estimate, digits: int = 3) -> str:
    """Return a figure with its interval."""
    if one.value is None or one.low is None or one.high is None:
        return "-"
    return f"{one.value:.{digits}f} ({one.low:.{digits}f} … {one.high:.{digits}f})"


def number(value: float | None, digits: int = 2) -> str:
    """Return a figure, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


def windows(report: Report, lang: Lang) -> list[tuple[str, Window]]:
    """Return the parts by time with their names."""
    calibrated = "calibrated" if report.calibrated_on == "own part" else "cross-fitted"
    parts = (("fitted", report.fitted), (calibrated, report.calibrated), ("held_out", report.held_out))
    return [(label(name, lang), one) for name, one in parts]


def why_left_out(use: FieldUse, lang: Lang) -> str:
    """Say why a field was not used."""
    if use.why == "chance":
        return "偶然以上の差がない" if lang == "ja" else "tells won from not won no better than chance"
    if lang == "ja":
        return f"データ不足（重み{use.weights}個に1個あたり10件が必要）"
    return f"too little data for its {counted(use.weights, 'weight')} (ten cases each)"


def score_name(name: str, lang: Lang) -> str:
    """Return a way to score in words."""
    pair = _SCORES.get(name)
    return name if pair is None else pair[0] if lang == "ja" else pair[1]


def measure_cells(one: Measures, lang: Lang) -> tuple[str, ...]:
    """Return one row of the comparison."""
    return (
        score_name(one.name, lang), plain(one.auc), plain(one.average_precision), plain(one.lift, 2), plain(one.brier),
        number(one.slope), number(one.ece, 3),
    )  # fmt: skip


def measure_columns(lang: Lang) -> tuple[str, ...]:
    """Return the head of the comparison."""
    return tuple(label(name, lang) for name in ("score", "auc", "ap", "lift", "brier", "slope", "ece"))
