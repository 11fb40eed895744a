"""Names of the perturbations that `evaluate` implements, by the type of the perturbed column.

The implementations are in `teacherspec/evaluate/perturbations.py`, which a test compares with these names:
`evaluate` does not import them, so that an edit of a list of names does not run the model again.
"""

from collections.abc import Mapping

from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn

SEVERITIES = (1, 3, 5)
"""Of the five of ImageNet-C."""

TEXT = ("case", "punctuation", "typos")

IMAGE = tuple(
    f"{corruption}_{severity}"
    for corruption in ("blur", "brightness", "jpeg", "noise")
    for severity in SEVERITIES
)

PAIR = ("swap",)
"""Of pairs of texts whose order means nothing."""

BY_COLUMN: Mapping[type[Column], tuple[str, ...]] = {TextColumn: TEXT, ImageColumn: IMAGE}
"""Type of a column → names of its perturbations."""


def perturbation_names(schema: RowSchema) -> list[str]:
    """Names of all perturbations of the content of such rows, sorted."""
    of_columns = {name for column in schema.content for name in BY_COLUMN.get(type(column), ())}
    return sorted(of_columns | set(PAIR if schema.pair_order == "either" else ()))
