"""The evaluation on public data, as the table of docs/learning.md: `python -m bench.learned FOLDER`.

FOLDER holds one folder for each data set, as named in FILES. The rows stay there; only figures are printed.
"""

import sys
from pathlib import Path
from typing import Any, Final

from worker.learn import outside, references, reporting
from worker.learn.words import plain, signed

SPECS: Final = Path(__file__).parent / "learn"
FILES: Final = {
    "x_education": "leads.csv",
    "olist_funnel": "olist_marketing_qualified_leads_dataset.csv",
    "bank_marketing": "bank-additional-full.csv.gz",
    "maven_crm": "sales_pipeline.csv",
    "hillstrom_email": "hillstrom.csv.gz",
    "online_shoppers": "online_shoppers_intention.csv",
}
#: Where time passes within the table, the model is also fitted anew after so many cases.
REFIT_EVERY: Final = {"bank_marketing": 500, "olist_funnel": 200, "x_education": 300}


def main() -> None:
    """Print one table for each data set that is there."""
    folder = Path(sys.argv[1])
    for name, file in FILES.items():
        if not (folder / name / file).exists():
            print(f"\n#### {name}\n\nnot there")
            continue
        spec = outside.read_spec(SPECS / f"{name}.yaml")
        table = outside.read_table(folder / name / file, spec)
        card, report = reporting.learn(
            table, references=references.REFERENCES, refit_every=REFIT_EVERY.get(name)
        )
        _print(name, card, report)


def _print(name: str, card: Any, report: Any) -> None:
    parts = [f"{one.leads:,} ({one.won:,})" for one in (report.fitted, report.calibrated, report.held_out)]
    used = ", ".join(use.name for use in report.fields if use.used) or "none"
    left = ", ".join(use.name for use in report.fields if not use.used) or "none"
    print(f"\n#### {name}\n")
    print(f"{report.target.en}; cases (won): fitted {parts[0]}, calibrated {parts[1]}, held out {parts[2]}.")
    print(f"Used: {used}. Left out by the fit: {left}.\n")
    print("| score | AUC | average precision | lift of the top 10 % | Brier | slope | calibration error |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for one in (report.model, *report.others):
        slope, ece = (
            "-" if value is None else f"{value:.{digits}f}"
            for value, digits in ((one.slope, 2), (one.ece, 3))
        )
        print(
            f"| {one.name} | {plain(one.auc)} | {plain(one.average_precision)} | {plain(one.lift, 2)}"
            f" | {plain(one.brier)} | {slope} | {ece} |"
        )
    gain = "-" if report.auc_gain is None else signed(report.auc_gain)
    print(f"\nVerdict: {report.verdict}; AUC less that of the naive score: {gain}.")
    print(f"Slope of the fitted calibration line: {card.slope:.2f}.")


if __name__ == "__main__":
    main()
