"""Rows are perturbed in their content alone, by every perturbation that has a name and no other."""

import numpy as np
import pytest

from teacherspec.evaluate.perturbations import CHANGES, perturbations_of
from teacherspec.metric_names.perturbations import BY_COLUMN, perturbation_names
from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.columns.label import LabelColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn

SCHEMA = RowSchema(content=(TextColumn("text"),), label=LabelColumn("label"))


def test_every_type_of_column_with_names_has_implementations_and_the_reverse() -> None:
    assert BY_COLUMN.keys() == CHANGES.keys()


@pytest.mark.parametrize("column", CHANGES)
def test_names_are_those_of_the_implementations(column: type[Column]) -> None:
    assert sorted(BY_COLUMN[column]) == sorted(CHANGES[column])


def test_only_content_changes() -> None:
    row = {"id": "a", "text": "Hello there, you.", "label": 1, "channel": "Mail."}
    perturbations = perturbations_of(SCHEMA)
    assert list(perturbations) == perturbation_names(SCHEMA) == ["case", "punctuation", "typos"]
    for name, perturb in perturbations.items():
        changed = perturb(row, np.random.default_rng(0))
        assert changed["text"] != row["text"], name
        assert {**changed, "text": row["text"]} == row
    assert row["text"] == "Hello there, you.", "the row itself stays"
