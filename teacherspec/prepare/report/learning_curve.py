"""Whether more rows would help: the learning curve of a simple model without a base.

A fine-tuned base starts higher and needs fewer rows; but where even the simple model's curve is flat, more of
the same rows will not help, and its accuracy on all rows is a lower bound that a teacher must beat. Where
there are no classes, the simple model predicts the next word of answers.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup_and_split import Assignment
from teacherspec.prepare.ingest import NO_LABEL, Ingested
from teacherspec.prepare.mmap_columns import Indices, parts_by_size
from teacherspec.prepare.report.finding_messages import content_text
from teacherspec.prepare.report.ngram_baseline import NextWord, corpus
from teacherspec.tasks.shared.columns.base import Column, VisualColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.text.words import is_unspaced, words

SHARES = {"eighth": 8, "quarter": 4, "half": 2, "all": 1}
LEAST_ROWS = 20
"""Fewest rows of the smallest share."""

_FEATURES = 1 << 16
_ANSWERS = 2_000
_ANSWER_CHARACTERS = 1_000
_BATCH_ROWS = 256
_BATCH_BYTES = 32 << 20


class BaselineModel(NamedTuple):
    """A simple model without a base.

    Attributes:
        most_rows: most rows to train on, and to measure on.
        features: rows of the row store → its inputs.
        new: creates an untrained model.
    """

    most_rows: int
    features: Callable[[Ingested, Indices], Any]
    new: Callable[[], Any]


def learning_curve(ingested: Ingested, fields: RowSchema, assignment: Assignment) -> dict[str, float]:
    """Accuracy of a simple model trained on growing shares of train.

    Of the class where rows have one, else of the next word of the answer. Each share contains the previous
    one. Accuracy is measured on validation and calibration, never on test. `doubled` extrapolates the curve
    to twice the rows by the power law error = a * rows^-b (Hestness et al. 2017, arXiv:1712.00409) through
    the four points.

    Empty with too few rows, or where there is no simple model.
    """
    measure = _of_classes if fields.label else _of_answers
    curve = measure(ingested, fields, assignment)
    shares = [1 / part for part in SHARES.values()]
    return curve | {"doubled": extrapolated(shares, list(curve.values()))} if curve else {}


def _of_classes(ingested: Ingested, fields: RowSchema, assignment: Assignment) -> dict[str, float]:
    baseline = baseline_model(fields)
    if baseline is None:
        return {}
    train = _labelled(assignment, ("train",), baseline.most_rows)
    held = _labelled(assignment, ("validation", "calibration"), baseline.most_rows)
    if len(train) < LEAST_ROWS * max(SHARES.values()) or not len(held):
        return {}
    rows = {name: train[: len(train) // part] for name, part in SHARES.items()}
    if any(len(np.unique(assignment.label[part])) < 2 for part in rows.values()):
        return {}
    inputs, held_inputs = (baseline.features(ingested, part) for part in (train, held))
    curve = {}
    for name, part in rows.items():
        model = baseline.new().fit(inputs[: len(part)], assignment.label[part])
        curve[name] = float((model.predict(held_inputs) == assignment.label[held]).mean())
    return curve


def _of_answers(ingested: Ingested, fields: RowSchema, assignment: Assignment) -> dict[str, float]:
    train = _rows(assignment, ("train",), _ANSWERS)
    held = _rows(assignment, ("validation", "calibration"), _ANSWERS)
    if not fields.answers or len(train) < LEAST_ROWS * max(SHARES.values()) or not len(held):
        return {}
    texts = [_answers(ingested, fields.answers, rows) for rows in (train, held)]
    words = corpus(texts[0] + texts[1])
    measured = words.text >= len(texts[0])
    curve = {}
    for name, part in SHARES.items():
        seen = words.text < len(texts[0]) // part
        model = NextWord().fit(words.contexts[:, seen], words.following[seen])
        expected = model.predict(words.contexts[:, measured])
        curve[name] = float((expected == words.following[measured]).mean())
    return curve


def _answers(ingested: Ingested, rules: Sequence[Column], rows: Indices) -> list[str]:
    """The answers of rows, long ones truncated."""
    names = [rule.name for rule in rules]
    return [
        content_text(rules, row)[:_ANSWER_CHARACTERS]
        for start in range(0, len(rows), _BATCH_ROWS)
        for row in ingested.row_store.gather(rows[start : start + _BATCH_ROWS], names).to_pylist()
    ]


def baseline_model(fields: RowSchema) -> BaselineModel | None:
    """The simple model for rows of these columns; None where there is none.

    Texts: complement naive Bayes on words and word pairs (Rennie et al. 2003), well under a second whatever
    the classes. Images: the nearest row by small grey copies; fewer rows, as each is decoded for it.
    """
    if texts := fields.texts():
        return BaselineModel(10_000, partial(_words, texts), _naive_bayes)
    return BaselineModel(2_000, partial(_greys, fields.images()), _nearest_row) if fields.images() else None


def extrapolated(rows: Sequence[float], accuracies: Sequence[float]) -> float:
    """The accuracy that the power law through the points predicts for twice the last number of rows.

    Numbers of rows, or shares of them: only their ratios count.
    """
    errors = np.maximum(1 - np.array(accuracies), 1e-3)
    slope, height = np.polyfit(np.log(rows), np.log(errors), 1)
    expected = 1 - float(np.exp(height + slope * np.log(2 * rows[-1])))
    return max(expected, accuracies[-1])


def _labelled(assignment: Assignment, splits: tuple[str, ...], most_rows: int) -> Indices:
    rows = _rows(assignment, splits, most_rows)
    labelled: Indices = rows[assignment.label[rows] != NO_LABEL][:most_rows]
    return labelled


def _rows(assignment: Assignment, splits: tuple[str, ...], most_rows: int) -> Indices:
    return np.concatenate(
        [assignment.first_rows(assignment.split_names.index(name), most_rows) for name in splits]
    )


def _naive_bayes() -> Any:
    from sklearn.naive_bayes import ComplementNB

    return ComplementNB(alpha=0.3)


def _words(rules: Sequence[Column], ingested: Ingested, rows: Indices) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    values = ingested.row_store.gather(rows, [rule.name for rule in rules]).to_pylist()
    texts = [content_text(rules, row) for row in values]
    vectorizer = HashingVectorizer(
        tokenizer=_terms, token_pattern=None, ngram_range=(1, 2), n_features=_FEATURES, alternate_sign=False
    )
    return vectorizer.transform(texts)


def _terms(text: str) -> list[str]:
    """The words of two letters or more, and characters of scripts without spaces between words."""
    return [word for word in words(text) if len(word) > 1 or is_unspaced(word)]


def _nearest_row() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(1)


def _greys(rules: Sequence[VisualColumn], ingested: Ingested, rows: Indices) -> npt.NDArray[np.float32]:
    """Grey thumbnails `[n, D]` of the rows, each of mean 0 and length 1, without brightness and contrast."""
    names, sizes = [rule.name for rule in rules], ingested.row_store.numbers("size")
    found = []
    for part in parts_by_size(rows, sizes[rows], _BATCH_ROWS, _BATCH_BYTES):
        for values in ingested.row_store.gather(part, names).to_pylist():
            grey = np.concatenate([rule.grey_thumbnail(values[rule.name]).ravel() for rule in rules])
            grey -= grey.mean()
            found.append(grey / max(float(np.linalg.norm(grey)), 1.0))
    return np.stack(found)
