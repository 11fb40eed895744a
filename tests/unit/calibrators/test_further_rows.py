"""Calibrators that are fitted on rows of other models too, as those of cross-fitting."""

import numpy as np
import pytest

from teacherspec.calibrators.fit import WITH_FURTHER, Rows, fit
from teacherspec.calibrators.temperature import fit_temperature
from teacherspec.spec.calibrate import Auto, IsotonicRegression, NoCalibration, TemperatureScaling
from tests.unit.calibrate.toy_predictions import planted

AUTO = Auto(kind="auto")
SHIFT = np.array([1.5, -1.5, 0.75, -0.75])
"""Added to calibrated logits: only a bias for each class takes it away."""


def test_a_declared_method_is_fitted_on_all_of_them() -> None:
    own, further = planted(50, 4, 2.0, 0), planted(500, 4, 2.0, 1)
    found = fit(TemperatureScaling(), *own, Rows(*further))
    joined = [np.concatenate(pair) for pair in zip(own, further, strict=True)]
    assert found.temperature == fit_temperature(*joined)
    assert found.further_rows == 500
    assert fit(TemperatureScaling(), *own).further_rows == 0
    isotonic = IsotonicRegression(kind="isotonic")
    assert fit(isotonic, *own, Rows(*further)).calibrator == fit(isotonic, *joined).calibrator


def test_auto_declines_the_rows_of_models_that_are_sharper_than_the_teacher() -> None:
    own, further = planted(500, 4, 2.0, 0), planted(3000, 4, 5.0, 1)
    found = fit(AUTO, *own, Rows(*further))
    assert found.further_rows == 0
    assert found.calibrator == fit(AUTO, *own).calibrator
    assert found.temperature is not None
    assert found.temperature.temperature == pytest.approx(2.0, abs=0.4)
    # Negative control: declared without a choice, they do harm.
    joined = fit(TemperatureScaling(), *own, Rows(*further))
    assert joined.temperature is not None
    assert joined.temperature.temperature > 3.5


def test_auto_takes_them_where_few_calibration_rows_allow_no_rich_method() -> None:
    logits, labels = planted(3060, 4, 1.0, 0)
    biased = logits + SHIFT
    found = fit(AUTO, biased[:60], labels[:60], Rows(biased[60:], labels[60:]))
    assert found.further_rows == 3000
    assert found.calibrator.kind in ("vector", "dirichlet")
    assert f"{found.calibrator.kind} {WITH_FURTHER}: " in found.reason


def test_auto_scores_calibration_rows_alone() -> None:
    """Whatever the further rows are, methods that are not fitted on them keep their scores."""
    own = planted(300, 4, 2.0, 0)

    def scores(reason: str) -> dict[str, str]:
        return dict(part.rsplit(" ", 1) for part in reason.rsplit(": ", 1)[1].split(", "))

    alone = scores(fit(AUTO, *own).reason)
    for further in (planted(900, 4, 9.0, 1), planted(900, 4, 0.2, 2)):
        found = scores(fit(AUTO, *own, Rows(*further)).reason)
        assert {name: found[name] for name in alone} == alone
        assert {name for name in found if name.endswith(WITH_FURTHER)} == {
            f"{name} {WITH_FURTHER}" for name in alone if name != "none"
        }


def test_leaving_the_model_as_it_is_needs_no_rows_at_all() -> None:
    own, further = planted(300, 4, 1.0, 0), planted(900, 4, 9.0, 1)
    assert fit(AUTO, *own, Rows(*further)).calibrator.kind == "none"
    assert fit(NoCalibration(kind="none"), *own, Rows(*further)).calibrator.kind == "none"
