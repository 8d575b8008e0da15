"""The report as one HTML page: nothing is fetched from anywhere, the plot is drawn in it."""

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from routing_rules.compiled import CompiledBook
from routing_rules.learned import Contribution
from routing_rules.learned_words import field_words, value_words
from schemas.base import Lang
from schemas.learned import Estimate, Measures, NumberWeights, Report, Scorecard, Window, WordWeights
from worker.learn import words

_TEMPLATE: Final = Path(__file__).parent / "report.html"
#: The plot's size and margins, in its own units.
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 560, 400, 56, 14, 26, 48
#: The strongest values of each field, and fields, that are listed.
_VALUES: Final = 8
_FIELDS: Final = 15


def page(report: Report, card: Scorecard | None, book: CompiledBook | None, lang: Lang) -> str:
    """Return the whole page; `book` gives fields their names where the model belongs to a rulebook."""
    left = [use for use in report.fields if not use.used]
    made = "" if report.made_at is None else f" · {report.made_at:%Y-%m-%d}"
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        lang=lang,
        title=escape(words.label("title", lang)),
        data=escape(words.score_name(report.data, lang) + made),
        tone="" if report.verdict == "better" else "no",
        verdict=escape(words.verdict_words(report, lang)),
        target=f"<b>{escape(words.label('target', lang))}</b>: {escape(report.target.say(lang))}",
        windows=_windows(report, lang),
        comparison_title=escape(words.label("comparison", lang)),
        comparison=_comparison(report, lang),
        calibration_title=escape(words.label("calibration", lang)),
        plot=_plot(report, lang),
        weights="" if card is None or not card.fields else _weights(card, book, lang),
        left_out=_left_out(
            [(field_words(use.name, book, lang), words.why_left_out(use, lang)) for use in left], lang
        ),
        notes_title=escape(words.label("notes", lang)),
        notes="".join(f"<li>{escape(note.say(lang))}</li>" for note in report.notes) or "<li>-</li>",
        how_title=escape(words.label("how", lang)),
        how="".join(f"<li>{escape(one)}</li>" for one in words.how_words(report, lang)),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str] = ()) -> str:
    """Return a table of cells that are HTML already."""
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    body = ""
    for place, row in enumerate(rows):
        css = f' class="{classes[place]}"' if classes and classes[place] else ""
        body += f"<tr{css}>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _windows(report: Report, lang: Lang) -> str:
    def row(name: str, one: Window) -> list[str]:
        share = f"{one.won / one.leads:.1%}" if one.leads else "-"
        return [escape(cell) for cell in (
            name, one.first, one.last, f"{one.leads:,}", f"{one.won:,}", share,
        )]  # fmt: skip

    head = [words.label(name, lang) for name in ("part", "first", "last", "leads", "won", "share")]
    rows = [row(name, one) for name, one in words.windows(report, lang)]
    return _table(head, rows).replace("<table>", '<table class="days">', 1)


def _comparison(report: Report, lang: Lang) -> str:
    rows = [_measures(one, lang) for one in (report.model, *report.others)]
    return _table(words.measure_columns(lang), rows, ["model", *("" for _ in report.others)])


def _measures(one: Measures, lang: Lang) -> list[str]:
    def cell(estimate: Estimate, digits: int) -> str:
        if estimate.value is None or estimate.low is None or estimate.high is None:
            return "-"
        value = f"{estimate.value:.{digits}f}"
        return f"{value}<small>{estimate.low:.{digits}f} … {estimate.high:.{digits}f}</small>"

    return [
        escape(words.score_name(one.name, lang)), cell(one.auc, 3), cell(one.average_precision, 3), cell(one.lift, 2), cell(one.brier, 3),
        words.number(one.slope), words.number(one.ece, 3),
    ]  # fmt: skip


def _plot(report: Report, lang: Lang) -> str:
    """Draw promise against outcome: on the line all chances come true; bars are 95 % intervals (Wilson)."""
    most = max([0.05, *(max(one.promised, one.high) for one in report.bins)])
    step = next(one for one in (0.01, 0.02, 0.05, 0.1, 0.2) if most / one <= 6 or one == 0.2)  # noqa: PLR2004
    top = min(1.0, math.ceil(most / step - 1e-9) * step)

    def x(share: float) -> float:
        return _LEFT + share / top * (_WIDTH - _LEFT - _RIGHT)

    def y(share: float) -> float:
        return _HEIGHT - _BOTTOM - share / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    for mark in range(round(top / step) + 1):
        share = mark * step
        parts.append(
            f'<line x1="{x(0):.1f}" x2="{x(top):.1f}" y1="{y(share):.1f}" y2="{y(share):.1f}" stroke="var(--line)"/>'
            f'<text x="{_LEFT - 8}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>'
            f'<text x="{x(share):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{share:.0%}</text>'
        )
    parts.append(
        f'<line x1="{x(0):.1f}" y1="{y(0):.1f}" x2="{x(top):.1f}" y2="{y(top):.1f}" stroke="var(--soft)"'
        ' stroke-dasharray="4 4"/>'
    )
    for one in report.bins:
        said = f"{one.promised:.1%} → {one.came:.1%} ({one.leads:,})"
        parts.append(
            f'<g><title>{escape(said)}</title><line x1="{x(one.promised):.1f}" x2="{x(one.promised):.1f}"'
            f' y1="{y(one.low):.1f}" y2="{y(one.high):.1f}" stroke="var(--good)" stroke-width="2" opacity=".55"/>'
            f'<circle cx="{x(one.promised):.1f}" cy="{y(one.came):.1f}" r="5" fill="var(--good)"/></g>'
        )
    middle = (_HEIGHT - _BOTTOM + _TOP) / 2
    promised, came = (escape(words.label(name, lang)) for name in ("promised", "came"))
    parts.append(
        f'<text x="{(_WIDTH + _LEFT) / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">{promised}</text>'
        f'<text transform="translate(14 {middle:.0f}) rotate(-90)" text-anchor="middle">{came}</text>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img"'
        f' aria-label="{escape(words.label("calibration", lang))}">{"".join(parts)}</svg>'
    )


def _weights(card: Scorecard, book: CompiledBook | None, lang: Lang) -> str:
    """List what each value does to the odds, the field with the widest spread first."""
    fields = sorted(((_spread(lines), name, lines) for name, lines in _lines(card)), reverse=True)[:_FIELDS]
    rows = []
    classes = []
    for _, name, lines in fields:
        for place, one in enumerate(lines):
            what = value_words(one, book, lang) or "-"
            factor = math.exp(max(-5.0, min(5.0, one.log_odds)))
            width = min(10.0, abs(one.log_odds) * 4)
            bar = f'<span class="bar {"up" if one.log_odds > 0 else "down"}" style="width:{width:.2f}rem"></span>'
            title = escape(field_words(name, book, lang)) if not place else ""
            rows.append([title, escape(what), f"× {factor:.2f}", bar])
            classes.append("" if title else "same")
    head = [words.label("field", lang), "", words.label("odds", lang), ""]
    return f'<h2>{escape(words.label("weights", lang))}</h2><div class="wide">{_table(head, rows, classes)}</div>'


def _spread(lines: Sequence[Contribution]) -> float:
    return max(one.log_odds for one in lines) - min(one.log_odds for one in lines)


def _lines(card: Scorecard) -> list[tuple[str, list[Contribution]]]:
    found = []
    for field in card.fields:
        if isinstance(field, NumberWeights):
            bounds = [None, *field.edges, None]
            lines = [
                Contribution(field.name, 0.0, card.slope * (weight - field.mean), bounds[at], bounds[at + 1])
                for at, weight in enumerate(field.weights)
            ]
        else:
            lines = _word_lines(field, card.slope)
        unknown = card.slope * (field.unknown - field.mean)
        if abs(unknown) > 1e-9:  # noqa: PLR2004 - what was never seen counts as the average
            lines.append(Contribution(field.name, None, unknown))
        found.append((field.name, lines))
    return found


def _word_lines(field: WordWeights, slope: float) -> list[Contribution]:
    told = [
        Contribution(field.name, word, slope * (weight - field.mean))
        for word, weight in field.weights.items()
    ]
    told.sort(key=lambda one: -abs(one.log_odds))
    return sorted(told[:_VALUES], key=lambda one: -one.log_odds)


def _left_out(rows: Sequence[tuple[str, str]], lang: Lang) -> str:
    if not rows:
        return ""
    cells = [[escape(name), escape(why)] for name, why in rows]
    head = [words.label("field", lang), words.label("why", lang)]
    return f'<h2>{escape(words.label("left_out", lang))}</h2><div class="wide">{_table(head, cells)}</div>'
