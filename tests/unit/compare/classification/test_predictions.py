"""Comparison of two classifiers on stored predictions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from teacherspec.calibrators.fit import fit
from teacherspec.calibrators.fitted import apply
from teacherspec.compare.classification.predictions import compare_predictions
from teacherspec.compare.paired_predictions import SideArtifacts, Sides
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.runtime.atomic_io import write_json
from teacherspec.spec.calibrate import NoCalibration
from tests.unit.calibrate.toy_predictions import toy_split, write_folder
from tests.unit.calibrators.test_calibrators import LABELS as CLASSES
from tests.unit.calibrators.test_calibrators import LOGITS, each_method


@each_method
def test_every_calibrator_is_compared_with_another(tmp_path: Path, method: Any) -> None:
    """A pull request may change the method of calibration."""
    calibrators = (fit(NoCalibration(kind="none"), LOGITS, CLASSES), fit(method, LOGITS, CLASSES))
    sides = []
    for name, fitted in zip(("a", "b"), calibrators, strict=True):
        folder = write_folder(tmp_path / name, {"test": ("test", toy_split("test", 300))})
        write_json(folder / "calibration.json", {"calibrator": fitted.calibrator.model_dump(mode="json")})
        sides.append(SideArtifacts(name, folder, folder / "calibration.json", {}))
    not_compared: list[str] = []
    found = compare_predictions(Sides(sides[0], sides[1], frozenset(), None), not_compared)
    assert not not_compared
    name = "calibrate.test.nll.after"
    if method.kind == "none":
        assert name in found.unchanged
        return
    test = {test.metric: test for test in found.tests}[name]
    split = toy_split("test", 300)
    expected = nll(apply(calibrators[1].calibrator, split.logits.astype(np.float64)), split.labels)
    assert test.after == pytest.approx(expected)
    assert test.differs
    # The predictions are the same bytes: what depends on them alone is no test and dilutes no q-value.
    assert {test.metric.partition(".")[0] for test in found.tests} == {"calibrate"}
    assert {name for name in found.unchanged if name.startswith("evaluate.")} >= {
        "evaluate.test.accuracy",
        "evaluate.test.nll",
        "evaluate.test.ece",
    }
    expected_q = false_discovery_control([test.p_value for test in found.tests])
    assert [test.q_value for test in found.tests] == pytest.approx(expected_q)
    assert all(group.p_value == group.q_value == 1 for group in found.classes)
