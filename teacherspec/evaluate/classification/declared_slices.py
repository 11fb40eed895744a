"""The slicing feature of each kind of declared slices (`params.yaml: evaluate.slices`)."""

from collections.abc import Callable, Mapping
from typing import Any

from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluation_rows.slice_features import (
    LENGTH,
    SlicingFeature,
    by_column,
    by_confidence,
    by_edges,
    by_label,
    length,
    no_slices,
)
from teacherspec.spec.evaluate import ColumnSlices, ConfidenceSlices, LabelSlices, LengthSlices
from teacherspec.spec.section import Section


def declared_feature(declared: Section, table: EvalTable) -> SlicingFeature:
    """The slicing feature that a section of `evaluate.slices` declares, of the rows of a table.

    Raises:
        DataError: a column cannot be sliced as declared.
        KeyError: the rows have no such column.
    """
    return FEATURES[type(declared)](declared, table)


def _column(declared: ColumnSlices, table: EvalTable) -> SlicingFeature:
    return by_column(declared, table.content.columns[declared.column])


def _length(declared: LengthSlices, table: EvalTable) -> SlicingFeature:
    quartiles = next((feature for feature in table.content.features if feature.name == LENGTH), None)
    if quartiles is None or declared.edges is None:
        return quartiles or no_slices(LENGTH, len(table))
    return by_edges(LENGTH, length(table.texts), declared.edges)


def _label(_declared: LabelSlices, table: EvalTable) -> SlicingFeature:
    return by_label(table.labels, table.label_names)


def _confidence(declared: ConfidenceSlices, table: EvalTable) -> SlicingFeature:
    return by_confidence(table.confidence, declared.edges)


FEATURES: Mapping[type[Section], Callable[[Any, EvalTable], SlicingFeature]] = {
    ColumnSlices: _column,
    LengthSlices: _length,
    LabelSlices: _label,
    ConfidenceSlices: _confidence,
}
"""Type of the section → its slicing feature."""
