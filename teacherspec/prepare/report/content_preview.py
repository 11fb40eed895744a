"""What there is to see and to measure of rows that hold more than text, from a sample of them."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.prepare.dedup_and_split import Judged
from teacherspec.prepare.ingest import Ingested
from teacherspec.prepare.mmap_columns import Indices, parts_by_size
from teacherspec.tasks.columns.row_schema import RowSchema

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_ROWS = 2_000
"""Rows of a split that are measured: rows lie in the order of a hash, so the first are a random sample."""

MOST_CLASSES = 20
PICTURES = 10
SIDE = 96
"""Classes and pictures of each that are shown, and their size in pixels."""

_BATCH_ROWS = 256
_BATCH_BYTES = 32 << 20
_QUANTILES = {"p05": 0.05, "p50": 0.50, "p95": 0.95}


def measures(ingested: Ingested, fields: RowSchema, judged: Judged, split: int) -> dict[str, Any]:
    """Measures of the columns that have some: quantiles of numbers, shares of names.

    Returns:
        column → measure → `p05`, `p50`, `p95`, or name → share of the rows.
    """
    rules = fields.images()
    if not rules:
        return {}
    found: dict[str, dict[str, list[int | str]]] = {rule.name: {} for rule in rules}
    for values in _values(ingested, fields, judged.first_rows(split, MOST_ROWS)):
        for rule in rules:
            for name, value in rule.properties(values[rule.name]).items():
                found[rule.name].setdefault(name, []).append(value)
    return {column: {name: _told(values) for name, values in of.items()} for column, of in found.items()}


def _told(values: list[int | str]) -> dict[str, float]:
    if isinstance(values[0], str):
        return {str(name): times / len(values) for name, times in sorted(Counter(values).items())}
    numbers = np.array([int(value) for value in values])
    quantiles = np.quantile(numbers, list(_QUANTILES.values()), method="inverted_cdf")
    return {name: int(value) for name, value in zip(_QUANTILES, quantiles, strict=True)}


def pictures(ingested: Ingested, fields: RowSchema, judged: Judged) -> "dict[str, list[Image]]":
    """Pictures of rows of each class in train, drawn by their hash; empty where no column is for the eye."""
    rules = fields.images()
    if not rules or not judged.label_names:
        return {}
    rows = judged.first_rows(0, MOST_ROWS)
    labels = judged.label[rows]
    chosen = [rows[labels == label][:PICTURES] for label in range(min(MOST_CLASSES, len(judged.label_names)))]
    drawn: dict[str, list[Image]] = {}
    for label, some in zip(judged.label_names, chosen, strict=False):
        drawn[label] = [
            next(rules[0].thumbnails(values[rules[0].name], SIDE))
            for values in _values(ingested, fields, some)
        ]
    return drawn


def _values(ingested: Ingested, fields: RowSchema, rows: Indices) -> Iterator[dict[str, Any]]:
    columns = [rule.name for rule in fields.content]
    for part in parts_by_size(rows, ingested.spool.numbers("size")[rows], _BATCH_ROWS, _BATCH_BYTES):
        yield from ingested.spool.gather(part, columns).to_pylist()
