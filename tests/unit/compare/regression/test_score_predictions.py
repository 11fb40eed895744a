"""Comparison of two teachers of scores, on the rows that both have."""

from pathlib import Path

import numpy as np
import pytest

from teacherspec.compare.paired_predictions import SideArtifacts, Sides
from teacherspec.compare.regression.predictions import compare_predictions
from teacherspec.metric_names.by_output_type import reported_names
from teacherspec.metrics.scores.regression import score_metrics
from teacherspec.predictions.index import PredictionIndex, save_index
from teacherspec.predictions.regression import OUTPUT_TYPE, ScorePredictions, save_scores
from teacherspec.runtime.atomic_io import write_json

ROWS = 60
NAMES = [f"r{ROWS - row:02}" for row in range(ROWS)]
LABELS = np.random.default_rng(0).uniform(0, 5, ROWS)


def written(folder: Path, noise: float, slope: float, names: list[str]) -> SideArtifacts:
    drawn = np.random.default_rng(1).normal(0, noise, ROWS)
    order = [NAMES.index(name) for name in names]
    scores = ((LABELS + drawn) / slope)[order].astype(np.float32)
    (folder / "predictions").mkdir(parents=True)
    save_scores(folder / "predictions/test.parquet", ScorePredictions(names, LABELS[order], scores))
    save_index(folder, PredictionIndex((), {"test": "test"}, {"test": len(names)}, OUTPUT_TYPE))
    interval = {"kind": "score_interval", "slope": slope, "intercept": 0.0, "radius": 1.0, "level": 0.9}
    write_json(folder / "calibration.json", {"calibrator": interval})
    return SideArtifacts(folder.name, folder, folder / "calibration.json", {})


def test_errors_and_correlations_are_those_of_the_common_rows(tmp_path: Path) -> None:
    common = NAMES[10:]
    sides = [
        written(tmp_path / "a", 1.0, 2.0, NAMES),
        written(tmp_path / "b", 0.2, 1.0, common[::-1]),
    ]
    not_compared: list[str] = []
    found = compare_predictions(Sides(sides[0], sides[1], frozenset(), None), not_compared)
    tests = {test.metric: test for test in found.tests}
    assert not_compared == []
    assert dict(found.left_out) == {"test": 10}
    assert tests.keys() <= reported_names("regression", {"test": "test"}).all
    noise = np.random.default_rng(1).normal(0, 1.0, ROWS)[10:]
    raw = score_metrics((LABELS[10:] + noise) / 2.0, LABELS[10:])
    for name, value in raw.items():
        assert tests[f"evaluate.test.{name}"].before == pytest.approx(value, rel=1e-5)
    corrected = score_metrics(LABELS[10:] + noise, LABELS[10:])
    assert tests["calibrate.test.rmse.after"].before == pytest.approx(corrected["rmse"], rel=1e-5)
    assert tests["calibrate.test.rmse.after"].differs
    assert tests["evaluate.test.rmse"].after == pytest.approx(0.2, abs=0.05)
