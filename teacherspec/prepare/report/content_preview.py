"""Measures and example pictures of rows with images, from a sample of them."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.prepare.dedup_and_split import Assignment
from teacherspec.prepare.ingest import Ingested
from teacherspec.prepare.mmap_columns import Indices, parts_by_size
from teacherspec.tasks.shared.columns.row_schema import RowSchema

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_ROWS = 2_000
"""Rows of a split that are measured: rows are in the order of a hash, so the first are a random sample."""

MOST_CLASSES = 20
PICTURES = 10
SIDE = 96
"""Classes and pictures of each that are shown, and their size in pixels."""

_BATCH_ROWS = 256
_BATCH_BYTES = 32 << 20
_QUANTILES = {"p05": 0.05, "p50": 0.50, "p95": 0.95}


def measures(ingested: Ingested, fields: RowSchema, assignment: Assignment, split: int) -> dict[str, Any]:
    """Measures of the columns that define some: quantiles of numbers, shares of names.

    Returns:
        column → measure → `p05`, `p50`, `p95`, or name → share of the rows.
    """
    rules = fields.images()
    if not rules:
        return {}
    found: dict[str, dict[str, list[int | str]]] = {rule.name: {} for rule in rules}
    for values in _values(ingested, fields, assignment.first_rows(split, MOST_ROWS)):
        for rule in rules:
            for name, value in rule.properties(values[rule.name]).items():
                found[rule.name].setdefault(name, []).append(value)
    return {column: {name: _summary(values) for name, values in of.items()} for column, of in found.items()}


def _summary(values: list[int | str]) -> dict[str, float]:
    if isinstance(values[0], str):
        return {str(name): times / len(values) for name, times in sorted(Counter(values).items())}
    numbers = np.array([int(value) for value in values])
    quantiles = np.quantile(numbers, list(_QUANTILES.values()), method="inverted_cdf")
    return {name: int(value) for name, value in zip(_QUANTILES, quantiles, strict=True)}


def pictures(ingested: Ingested, fields: RowSchema, assignment: Assignment) -> "dict[str, list[Image]]":
    """Pictures of rows of each class in train, drawn by their hash; empty where no column is for the eye."""
    rules = fields.images()
    if not rules or not assignment.label_names:
        return {}
    rows = assignment.first_rows(0, MOST_ROWS)
    labels = assignment.label[rows]
    chosen = [
        rows[labels == label][:PICTURES] for label in range(min(MOST_CLASSES, len(assignment.label_names)))
    ]
    drawn: dict[str, list[Image]] = {}
    for label, some in zip(assignment.label_names, chosen, strict=False):
        drawn[label] = [
            next(rules[0].thumbnails(values[rules[0].name], SIDE))
            for values in _values(ingested, fields, some)
        ]
    return drawn


def _values(ingested: Ingested, fields: RowSchema, rows: Indices) -> Iterator[dict[str, Any]]:
    columns = [rule.name for rule in fields.content]
    for part in parts_by_size(rows, ingested.row_store.numbers("size")[rows], _BATCH_ROWS, _BATCH_BYTES):
        yield from ingested.row_store.gather(part, columns).to_pylist()
