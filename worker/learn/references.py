"""Other models on the same cases: a plain logistic regression below, and gradient boosting above.

Neither is tuned, neither sees the hold-out, and neither is ever used to score a lead.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from schemas.learned import Value
from worker.learn.fitting import SEED
from worker.learn.measuring import Array
from worker.learn.reporting import Reference
from worker.learn.table import Table

_UNKNOWN: Final = "(not known)"


def _kinds(table: Table) -> tuple[list[str], list[str]]:
    """Return the fields that are numbers, and those that are words; what is never known is left out."""
    names = list(dict.fromkeys(name for row in table.rows for name in row))
    values = {name: [row.get(name) for row in table.rows] for name in names}
    words = [name for name in names if any(isinstance(value, str) for value in values[name])]
    numbers = [
        name for name in names if name not in words and any(value is not None for value in values[name])
    ]
    return numbers, words


def _array(table: Table, numbers: Sequence[str], words: Sequence[str]) -> Any:
    made = np.empty((len(table.rows), len(numbers) + len(words)), dtype=object)
    for at, row in enumerate(table.rows):
        made[at, : len(numbers)] = [_number(row.get(name)) for name in numbers]
        made[at, len(numbers) :] = [row.get(name) or _UNKNOWN for name in words]
    return made


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def _run(model: Any, fitted_on: Table, held_out: Table, numbers: list[str], words: list[str]) -> Array:
    model.fit(_array(fitted_on, numbers, words), np.array(fitted_on.won, dtype=np.int64))
    said: Array = model.predict_proba(_array(held_out, numbers, words))[:, 1]
    return said


def plain_logistic(fitted_on: Table, held_out: Table) -> Array:
    """Return what an off-the-shelf logistic regression says: standardised numbers, one column a word."""
    numbers, words = _kinds(fitted_on)
    scale = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    shape = ColumnTransformer(
        [
            ("numbers", scale, list(range(len(numbers)))),
            (
                "words",
                OneHotEncoder(handle_unknown="ignore"),
                list(range(len(numbers), len(numbers + words))),
            ),
        ]
    )
    return _run(make_pipeline(shape, LogisticRegression(max_iter=2_000)), fitted_on, held_out, numbers, words)


def gradient_boosting(fitted_on: Table, held_out: Table) -> Array:
    """Return what gradient boosted trees say: they see every interaction, and explain none."""
    numbers, words = _kinds(fitted_on)
    places = list(range(len(numbers), len(numbers + words)))
    coded = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        max_categories=200,
        encoded_missing_value=np.nan,
    )
    shape = ColumnTransformer(
        [("numbers", "passthrough", list(range(len(numbers)))), ("words", coded, places)],
    )
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_leaf_nodes=15, early_stopping=True, validation_fraction=0.15,
        n_iter_no_change=20, max_iter=400, random_state=SEED, categorical_features=places,
    )  # fmt: skip
    return _run(make_pipeline(shape, trees), fitted_on, held_out, numbers, words)


REFERENCES: Final[tuple[Reference, ...]] = (
    ("plain logistic regression", plain_logistic),
    ("gradient boosting", gradient_boosting),
)
