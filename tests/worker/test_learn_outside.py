"""Outside tables: read by their spec, leaks kept out, and the same fit and report on them."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.errors import Refused
from worker.cli.main import app
from worker.learn.outside import read_spec, read_table

SPECS = sorted((Path(__file__).parents[2] / "bench" / "learn").glob("*.yaml"))
SPEC = """\
name: made_up
target: bought
outcome: {column: bought, won: ['1'], lost: ['0']}
order: {by: number, column: number}
unknown: [Select]
features: {visits: number, channel: word}
leaks: {tag: typed afterwards}
naive: [{column: visits}]
"""


def write(folder: Path, spec: str = SPEC, rows: list[str] | None = None) -> tuple[Path, Path]:
    """Write a spec and a table."""
    head = "number,visits,channel,tag,bought"
    table = folder / "table.csv"
    table.write_text(
        "\n".join([head, *(rows or ["2,3,web,x,1", "1,Select,,y,0", "3,1,Select,z,?"])]), encoding="utf-8"
    )
    (folder / "spec.yaml").write_text(spec, encoding="utf-8")
    return table, folder / "spec.yaml"


def test_a_table_is_read_in_the_order_of_time(tmp_path: Path) -> None:
    """Sorted, undecided cases left out, "please choose" and blanks not known, leaks not there."""
    table_file, spec_file = write(tmp_path)
    table = read_table(table_file, read_spec(spec_file))
    assert table.rows == [{"visits": None, "channel": None}, {"visits": 3.0, "channel": "web"}]
    assert table.won == [False, True]
    assert table.rule == [(0.0,), (3.0,)]
    assert any("tag" in note.en for note in table.notes)


def test_gzip_join_list_and_since(tmp_path: Path) -> None:
    """A gzipped table, columns of another file, outcomes listed in a third, and a first day."""
    rows = ["id,day,company", "a,2018-01-01,x", "b,2018-02-01,y", "c,2017-01-01,x"]
    with gzip.open(tmp_path / "leads.csv.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(rows))
    (tmp_path / "won.csv").write_text("id,won_on\nb,2018-03-01\n", encoding="utf-8")
    (tmp_path / "companies.csv").write_text("company,size\nx,10\n", encoding="utf-8")
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "name: n\ntarget: t\noutcome: {column: id, listed_in: won.csv}\n"
        "order: {by: text, column: day, since: '2018-01-01'}\nfeatures: {company: word}\n"
        "join: [{file: companies.csv, on: company, columns: {size: number}}]\n",
        encoding="utf-8",
    )
    table = read_table(tmp_path / "leads.csv.gz", read_spec(spec))
    assert table.rows == [{"company": "x", "size": 10.0}, {"company": "y", "size": None}]
    assert table.won == [False, True]


@pytest.mark.parametrize(
    "broken, words",
    [
        (SPEC.replace("channel: word", "channel: word, tag: word"), "tag stands under `leaks`"),
        (SPEC.replace("channel: word", "channel: word, bought: word"), "is the outcome"),
        (SPEC.replace("channel: word", "channel: sound"), "spec.yaml:6"),
        (SPEC.replace("by: number, column: number", "by: file, column: number"), "unless `by` is file"),
        (SPEC.replace(", won: ['1']", ""), "give either"),
        ("name: [", "spec.yaml"),
    ],
)
def test_a_spec_that_leaks_or_is_broken_is_refused(tmp_path: Path, broken: str, words: str) -> None:
    """A leak among the features, the outcome as a feature, a typing error: told with the place."""
    _, spec_file = write(tmp_path, broken)
    with pytest.raises(Refused, match=words):
        read_spec(spec_file)


@pytest.mark.parametrize(
    "rows, words",
    [
        (["1,many,web,x,1"], "'many' is no number"),
        (["one,1,web,x,1"], "'one' is no number to sort by"),
        (["1,2"], "no column bought, channel"),
    ],
)
def test_a_table_that_does_not_fit_its_spec_is_refused(tmp_path: Path, rows: list[str], words: str) -> None:
    """A number that is none, and a row that is too short."""
    table_file, spec_file = write(tmp_path, rows=rows)
    with pytest.raises(Refused, match=words):
        read_table(table_file, read_spec(spec_file))


def test_files_that_are_not_there_or_broken_are_refused(tmp_path: Path) -> None:
    """No file, and a file that is not what its name says."""
    _, spec_file = write(tmp_path)
    (tmp_path / "bad.csv.gz").write_bytes(b"not gzip")
    for name in ("none.csv", "bad.csv.gz"):
        with pytest.raises(Refused, match="cannot be read"):
            read_table(tmp_path / name, read_spec(spec_file))
    with pytest.raises(Refused, match="cannot be read"):
        read_spec(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_shipped_specs_are_sound(path: Path) -> None:
    """Each spec for a public data set is read, and says what must not score."""
    spec = read_spec(path)
    assert spec.name == path.stem


def evaluated(*arguments: str) -> Any:
    """Run `tasuki learn evaluate --json`."""
    result = CliRunner().invoke(app, ["learn", "evaluate", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_evaluate_runs_fit_and_report_and_writes_the_page(tmp_path: Path) -> None:
    """The command judges on the newest quarter, or on a file of its own, against both references."""
    lots = random.Random(2)
    rows = []
    for number in range(1_000):
        visits = lots.randrange(10)
        rows.append(f"{number},{visits},{lots.choice(['web', 'fair'])},x,{int(lots.random() < visits / 12)}")
    table, spec = write(tmp_path, rows=rows)
    page = tmp_path / "page.html"
    document = evaluated(str(table), "--spec", str(spec), "--html", str(page))
    assert document["report"]["held_out"]["leads"] == 250
    assert [one["name"] for one in document["report"]["others"]] == [
        "naive score", "prevalence", "plain logistic regression", "gradient boosting",
    ]  # fmt: skip
    assert "<svg" in page.read_text(encoding="utf-8")
    other = tmp_path / "newer.csv"
    other.write_text("\n".join(["number,visits,channel,tag,bought", *rows[:300]]), encoding="utf-8")
    against = evaluated(str(table), "--spec", str(spec), "--against", str(other))
    assert against["report"]["held_out"]["leads"] == 300
    assert against["report"]["fitted"]["leads"] == 800
    few, _ = write(tmp_path, rows=rows[:50])
    result = CliRunner().invoke(app, ["learn", "evaluate", str(few), "--spec", str(spec)])
    assert result.exit_code == 1
    assert "too little" in result.output


def test_without_scikit_learn_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is missing, fitting is refused with the mend."""
    table, spec = write(tmp_path)
    monkeypatch.setattr("worker.cli.learn_common.find_spec", lambda _name: None)
    result = CliRunner().invoke(app, ["learn", "evaluate", str(table), "--spec", str(spec)])
    assert result.exit_code == 1
    assert "learn.lock" in " ".join(result.output.split())
