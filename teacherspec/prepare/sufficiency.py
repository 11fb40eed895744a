"""Whether more rows would help: the learning curve of a plain model that needs no base.

The curve of a bag-of-words classifier is not that of a fine-tuned base, which starts higher and needs
less; but where even this one is flat, more of the same rows will not help, and its accuracy on all rows is
the least that a teacher must beat.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.findings import content_text
from teacherspec.prepare.ingest import NO_LABEL, Ingested
from teacherspec.prepare.judge import Judged
from teacherspec.tasks.fields import RowFields

SHARES = {"eighth": 8, "quarter": 4, "half": 2, "all": 1}
MOST_ROWS = 10_000
LEAST_ROWS = 20
"""Rows that the smallest share must have."""

_FEATURES = 1 << 16


def learning_curve(ingested: Ingested, fields: RowFields, judged: Judged) -> dict[str, float]:
    """Accuracy of naive Bayes on words and word pairs, trained on growing shares of train.

    Complement naive Bayes (Rennie et al. 2003) takes well under a second whatever the classes. Each share
    holds the one before it; at most 10,000 rows train. Accuracy is measured on validation and calibration,
    never on test. `doubled` continues the curve to twice the rows by the power law
    error = a * rows^-b (Hestness et al. 2017, arXiv:1712.00409) through the four points.

    Empty for tasks without classes or texts, or with too few rows.
    """
    if not fields.texts():
        return {}
    train = _labelled(judged, ("train",))[:MOST_ROWS]
    held = _labelled(judged, ("validation", "calibration"))[:MOST_ROWS]
    if len(train) < LEAST_ROWS * max(SHARES.values()) or not len(held):
        return {}
    rows = {name: train[: len(train) // part] for name, part in SHARES.items()}
    if any(len(np.unique(judged.label[part])) < 2 for part in rows.values()):
        return {}
    from sklearn.naive_bayes import ComplementNB

    inputs, held_inputs = (_features(ingested, fields, part) for part in (train, held))
    curve = {}
    for name, part in rows.items():
        model = ComplementNB(alpha=0.3).fit(inputs[: len(part)], judged.label[part])
        curve[name] = float((model.predict(held_inputs) == judged.label[held]).mean())
    return curve | {"doubled": continued([len(part) for part in rows.values()], list(curve.values()))}


def continued(rows: list[int], accuracies: list[float]) -> float:
    """The accuracy that the power law through the points expects of twice the last number of rows."""
    errors = np.maximum(1 - np.array(accuracies), 1e-3)
    slope, height = np.polyfit(np.log(rows), np.log(errors), 1)
    expected = 1 - float(np.exp(height + slope * np.log(2 * rows[-1])))
    return max(expected, accuracies[-1])


def _labelled(judged: Judged, splits: tuple[str, ...]) -> npt.NDArray[np.int64]:
    rows: npt.NDArray[np.int64] = np.concatenate(
        [judged.first_rows(judged.split_names.index(name), MOST_ROWS) for name in splits]
    )
    labelled: npt.NDArray[np.int64] = rows[judged.label[rows] != NO_LABEL]
    return labelled


def _features(ingested: Ingested, fields: RowFields, rows: npt.NDArray[np.int64]) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    columns = [rule.name for rule in fields.texts()]
    texts = [
        content_text(fields.texts(), values) for values in ingested.spool.gather(rows, columns).to_pylist()
    ]
    return HashingVectorizer(ngram_range=(1, 2), n_features=_FEATURES, alternate_sign=False).transform(texts)
