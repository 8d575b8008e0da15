"""What was measured: figures with all their runs, their median, and the target that they are held against."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.targets import TARGETS, Target


@dataclass(slots=True)
class Figure:
    """One figure: the values of all runs, in one unit."""

    #: `measurement.figure`; the name under which a target may stand in `bench.targets`.
    name: str
    unit: str
    values: list[float] = field(default_factory=list)
    #: Sizes and settings that the figure depends on.
    sizes: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Return the middle of the runs."""
        return median(self.values)

    @property
    def target(self) -> Target | None:
        """Return the target in DESIGN section 7, if there is one."""
        return TARGETS.get(self.name)

    def as_json(self) -> dict[str, Any]:
        """Return the figure with its raw runs."""
        target = self.target
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "values": self.values,
            "sizes": self.sizes,
            "target": None if target is None else str(target),
            "met": None if target is None else target.holds(self.median),
        }


class Figures:
    """All figures of one bench, in the order in which they were first measured."""

    def __init__(self) -> None:
        self._by_name: dict[str, Figure] = {}

    def add(self, name: str, value: float, unit: str, **sizes: Any) -> None:
        """Add one run's value to a figure."""
        figure = self._by_name.setdefault(name, Figure(name, unit, sizes=sizes))
        figure.values.append(value)

    def median(self, name: str) -> float | None:
        """Return a figure's median, or None when it was not measured."""
        figure = self._by_name.get(name)
        return None if figure is None else figure.median

    def ratio(self, name: str, above: str, below: str) -> None:
        """Add the ratio of two figures, if both were measured."""
        one, other = self.median(above), self.median(below)
        if one is not None and other:
            self.add(name, one / other, "x")

    def missed(self) -> list[str]:
        """Return the figures that miss their target."""
        return [
            figure.name
            for figure in self._by_name.values()
            if figure.target is not None and not figure.target.holds(figure.median)
        ]

    def as_json(self) -> list[dict[str, Any]]:
        """Return all figures."""
        return [figure.as_json() for figure in self._by_name.values()]

    def show(self, console: Console) -> None:
        """Print the table."""
        table = Table(title="Tasuki bench: medians", title_justify="left")
        for title in ("figure", "median", "unit", "min", "max", "runs", "target", ""):
            is_number = title in {"median", "min", "max", "runs"}
            table.add_column(title, justify="right" if is_number else "left", no_wrap=True)
        group = ""
        for figure in self._by_name.values():
            measurement = figure.name.partition(".")[0]
            if group and measurement != group:
                table.add_section()
            group = measurement
            table.add_row(*_cells(figure))
        console.print(table)


def _cells(figure: Figure) -> Sequence[str]:
    target = figure.target
    verdict = "" if target is None else ("[green]met" if target.holds(figure.median) else "[red]missed")
    return (
        figure.name, said(figure.median), figure.unit, said(min(figure.values)), said(max(figure.values)),
        str(len(figure.values)), "" if target is None else str(target), verdict,
    )  # fmt: skip


def said(value: float) -> str:
    """Return a number with three figures that matter: 16,231; 45.2; 0.131."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


Say = Callable[[str], None]
