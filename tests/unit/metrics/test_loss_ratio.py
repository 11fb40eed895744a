"""The loss ratio is a plain ratio, and finite for a perfect memory of the train rows."""

import numpy as np

from teacherspec.metrics.loss_ratio import loss_ratio


def test_it_is_the_ratio() -> None:
    assert loss_ratio(0.3, 0.2) == 0.3 / 0.2
    assert loss_ratio(0.2, 0.2) == 1


def test_a_perfect_memory_of_the_train_rows_is_finite() -> None:
    assert np.isfinite(loss_ratio(0.5, 0.0))
    assert loss_ratio(0.5, 0.0) > 1e6
