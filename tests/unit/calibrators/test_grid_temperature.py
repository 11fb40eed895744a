import numpy as np
import pytest

from teacherspec.calibrators.grid_temperature import streamed_temperature
from teacherspec.calibrators.temperature import fit_temperature
from teacherspec.metrics.temperature_moments import temperature_moments
from teacherspec.predictions.inverse_temperatures import GRID
from tests.unit.calibrate.toy_predictions import planted


@pytest.mark.parametrize("temperature", [0.4, 1.0, 1.7, 3.5])
def test_shards_give_the_temperature_of_the_whole(temperature):
    logits, labels = planted(3000, 50, temperature, seed=1)
    shards = [
        temperature_moments(part, truth, betas=GRID)
        for part, truth in zip(np.array_split(logits, 3), np.array_split(labels, 3), strict=True)
    ]
    streamed = streamed_temperature(shards[0] + shards[1] + shards[2])
    exact = fit_temperature(logits, labels)
    assert streamed.status == exact.status == "ok"
    assert streamed.temperature == pytest.approx(exact.temperature, rel=2e-5)
    assert streamed.standard_error == pytest.approx(exact.standard_error, rel=1e-2)
    assert streamed.nll_after == pytest.approx(exact.nll_after, abs=5e-6)
    assert streamed.rows == 3000


@pytest.mark.parametrize(
    ("logits", "labels", "status"),
    [
        ([[2.0, 0.0], [0.0, 3.0]], [0, 1], "at_lower_bound"),
        ([[2.0, 0.0], [0.0, 3.0]], [1, 0], "at_upper_bound"),
        ([[1.0, 1.0], [4.0, 4.0]], [1, 0], "flat"),
    ],
)
def test_no_minimum_inside_the_grid_is_said(logits, labels, status):
    fit = streamed_temperature(temperature_moments(logits, labels, betas=GRID))
    assert (fit.status, fit.temperature, fit.standard_error) == (status, 1.0, None)


@pytest.mark.parametrize("betas", [[1.0], [2.0, 1.0], [0.5, 2.0]])
def test_refuses_a_grid_it_cannot_use(betas):
    with pytest.raises(ValueError, match="betas"):
        streamed_temperature(temperature_moments([[1.0, 0.0]], [0], betas=betas))


def test_shards_on_different_grids_do_not_add_up():
    one, other = (temperature_moments([[1.0, 0.0]], [0], betas=betas) for betas in ([1.0], [2.0]))
    with pytest.raises(ValueError, match="one grid"):
        one + other
