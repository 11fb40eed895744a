"""Predictions of every output type can be compared."""

from typing import get_args

from teacherspec.compare.by_output_type import COMPARE
from teacherspec.tasks.shared.interfaces.declaration import OutputType


def test_predictions_of_every_output_type_can_be_compared() -> None:
    assert set(COMPARE) == set(get_args(OutputType))
