"""Slicing features: partitions of a split into named slices, by value, by number or by the style of a text.

A slicing feature never depends on whether the model was right; the p-values of its slices are valid only
then.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.errors import DataError
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.spec.evaluate import ColumnSlices

NO_SLICE = -1
"""Code of a row that lies in no slice of the feature."""

LENGTH = "length (characters)"
"""Name of the feature that slices texts by length."""

MOST_VALUES = 200
"""Distinct values above which a column is a number or free text and must be cut at edges."""


@dataclass(frozen=True)
class SlicingFeature:
    """A partition of the rows.

    Attributes:
        name: such as `label` or `length (characters)`.
        slices: names of the slices, such as `label = wet` or `length (characters) < 40`.
        codes: `[N]` index into `slices`, or `NO_SLICE`.
        of_model: whether it depends on the model (its confidence) and not on the row alone.
    """

    name: str
    slices: tuple[str, ...]
    codes: IntArray
    of_model: bool = False


def by_value(name: str, values: Sequence[Any]) -> SlicingFeature:
    """One slice for each distinct value `[N]`, in sorted order; rows without a value (None) lie in no slice.

    Raises:
        DataError: too many distinct values.
    """
    written = [None if value is None else str(value) for value in values]
    distinct = sorted({value for value in written if value is not None})
    if len(distinct) > MOST_VALUES:
        raise DataError(
            f"evaluate.slices: column {name} has {len(distinct)} distinct values (allowed {MOST_VALUES}); "
            "give edges if it holds numbers, or slice by another column"
        )
    index: dict[str | None, int] = {None: NO_SLICE, **{value: i for i, value in enumerate(distinct)}}
    return SlicingFeature(
        name,
        tuple(f"{name} = {value}" for value in distinct),
        np.array([index[value] for value in written], dtype=np.int64),
    )


def by_label(labels: IntArray, label_names: Sequence[str]) -> SlicingFeature:
    """One slice for each label, in the order of the label names."""
    return SlicingFeature("label", tuple(f"label = {name}" for name in label_names), labels)


def by_edges(name: str, values: Sequence[Any] | npt.NDArray[Any], edges: Sequence[float]) -> SlicingFeature:
    """Slices between the edges: below the first, from each edge up to the next, from the last upwards.

    Args:
        name: of what the values measure, with its unit.
        values: `[N]` numbers; rows without one (None or NaN) lie in no slice.
        edges: ascending.

    Raises:
        DataError: a value is no number.
    """
    if any(isinstance(value, str) for value in values):
        raise DataError(f"evaluate.slices: column {name} holds texts, which have no edges; drop `edges`")
    numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    codes = np.searchsorted(np.asarray(edges, dtype=np.float64), numbers, side="right")
    between = [f"{name} {low:g} to < {high:g}" for low, high in pairwise(edges)]
    return SlicingFeature(
        name,
        (f"{name} < {edges[0]:g}", *between, f"{name} ≥ {edges[-1]:g}"),
        np.where(np.isnan(numbers), NO_SLICE, codes),
    )


def by_column(declared: ColumnSlices, values: Sequence[Any]) -> SlicingFeature:
    """The slices that a section of `evaluate.slices` declares of a column `[N]`.

    Raises:
        DataError: the column cannot be sliced as declared.
    """
    if declared.edges is None:
        return by_value(declared.column, values)
    return by_edges(declared.column, values, declared.edges)


def by_quartiles(name: str, values: Sequence[Any] | npt.NDArray[Any]) -> SlicingFeature:
    """Slices between the quartiles of the values `[N]`, fewer where quartiles coincide."""
    known = np.array([value for value in values if value is not None and value == value], dtype=np.float64)
    if not len(known):
        return no_slices(name, len(values))
    edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75], method="higher"))
    above = known[known > known.min()]
    if not len(above):
        return by_value(name, list(values))
    edges = edges[edges > known.min()]
    return by_edges(name, values, edges.tolist() or [above.min()])


def no_slices(name: str, rows: int) -> SlicingFeature:
    """A feature without slices: none of the rows has a value."""
    return SlicingFeature(name, (), np.full(rows, NO_SLICE))


def by_confidence(confidence: FloatArray, edges: Sequence[float]) -> SlicingFeature:
    """Slices by the confidence of the model, cut at `edges`; arguments as `by_edges`."""
    return replace(by_edges("confidence", confidence, edges), of_model=True)


def length(texts: Sequence[str]) -> list[int]:
    """Characters of each text."""
    return [len(text) for text in texts]


def text_style_features(texts: Sequence[str]) -> list[SlicingFeature]:
    """Style of texts, independent of their topic: ending, digits, capitals and line breaks."""
    styles = {
        "ending": [_ending(text) for text in texts],
        "digits": [_yes_no(any(c.isdigit() for c in text)) for text in texts],
        "capitals": [_capitals(text) for text in texts],
        "lines": ["several" if "\n" in text.strip() else "one" for text in texts],
    }
    return [by_value(name, values) for name, values in styles.items()]


def column_features(columns: Mapping[str, Sequence[Any]]) -> list[SlicingFeature]:
    """Kept columns by quartiles or values; columns of texts with too many distinct values are left out."""
    features = []
    for name, values in columns.items():
        known = [value for value in values if value is not None]
        if known and not isinstance(known[0], str):
            features.append(by_quartiles(name, values))
        elif len(set(known)) <= MOST_VALUES:
            features.append(by_value(name, values))
    return features


def _ending(text: str) -> str:
    last = text.rstrip()[-1:]
    if last and last in ".?!…":
        return {"…": "."}.get(last, last)
    return "other punctuation" if last and unicodedata.category(last).startswith("P") else "no punctuation"


def _capitals(text: str) -> str:
    letters = [c for c in text if c.isupper() or c.islower()]
    upper = sum(c.isupper() for c in letters)
    if not upper:
        return "none"
    return "mostly" if upper > len(letters) / 2 else "some"


def _yes_no(holds: bool) -> str:
    return "yes" if holds else "no"
