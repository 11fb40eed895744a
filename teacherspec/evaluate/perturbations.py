"""Changes to a row under which a person would answer the same.

They belong to the type of a column and not to the task, so that a task does not name them and is not
trained again when one of them changes. `robustness` calls each with a generator seeded by the row's id, so
that a row changes the same way wherever it stands in a split. Their names are listed for `check` and the
gates in `teacherspec/metric_names/perturbations.py`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from teacherspec.evaluate.image_corruptions import CORRUPTIONS
from teacherspec.evaluate.text_perturbations import case, punctuation, typos
from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn

if TYPE_CHECKING:
    import numpy as np

Perturbation = Callable[[Mapping[str, Any], "np.random.Generator"], dict[str, Any]]
"""From a row and a generator to the changed row."""

Change = Callable[[Any, "np.random.Generator"], Any]
"""From the value of a column and a generator to the changed value."""

CHANGES: Mapping[type[Column], Mapping[str, Change]] = {
    TextColumn: {"typos": typos, "case": case, "punctuation": punctuation},
    ImageColumn: CORRUPTIONS,
}
"""Type of a column → name of a perturbation → its implementation."""


SWAP = "swap"
"""Perturbation of pairs whose order means nothing."""


def perturbations_of(schema: RowSchema) -> dict[str, Perturbation]:
    """Every perturbation of the content of such rows, by name; each changes all columns it applies to,
    and `swap` the order of a pair."""
    names = sorted({name for column in schema.content for name in CHANGES.get(type(column), {})})
    found: dict[str, Perturbation] = {name: partial(_perturb, schema.content, name) for name in names}
    return found if schema.pair_order != "either" else {**found, SWAP: partial(_swap, schema.content)}


def _swap(
    content: tuple[Column, ...],
    row: Mapping[str, Any],
    draw: "np.random.Generator",  # noqa: ARG001
) -> dict[str, Any]:
    """The two texts of a pair in the other order."""
    first, second = (column.name for column in content)
    return {**row, first: row[second], second: row[first]}


def _perturb(
    content: tuple[Column, ...], name: str, row: Mapping[str, Any], draw: "np.random.Generator"
) -> dict[str, Any]:
    changed = dict(row)
    for column in content:
        if change := CHANGES.get(type(column), {}).get(name):
            changed[column.name] = change(row[column.name], draw)
    return changed
