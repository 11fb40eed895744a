"""Calibration by slice against what was planted and against brute force."""

from itertools import product

import numpy as np
import pytest

from teacherspec.calibrate.before_after import Scored, score
from teacherspec.calibrate.classification.slices import EXACT_ROWS, calibration_by_slice, calibration_p_value
from teacherspec.calibrate.run import run_calibrate
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.predictions.classification import SliceRows, load_predictions, load_slices, save_slices
from teacherspec.spec.calibrate import Calibrate
from tests.unit.calibrate.toy_predictions import planted, toy_folder

QUICK = Calibrate(resamples=100)


def scored(logits: np.ndarray, labels: np.ndarray) -> Scored:
    return score(log_softmax(logits), labels)


def two_slices(rows: int) -> tuple[list[SliceRows], Scored]:
    """One slice whose confidences are true, one that claims too much."""
    calibrated, labels = planted(rows, 4, 1.0, seed=1)
    overconfident, others = planted(rows, 4, 3.0, seed=2)
    both = scored(np.concatenate([calibrated, overconfident]), np.concatenate([labels, others]))
    slices = [
        SliceRows("kind = calibrated", "declared", np.arange(rows)),
        SliceRows("kind = overconfident", "declared", np.arange(rows, 2 * rows)),
    ]
    return slices, both


def test_finds_the_slice_that_claims_too_much():
    slices, both = two_slices(300)
    overconfident, calibrated = calibration_by_slice(slices, both, both, QUICK)
    assert overconfident.slice.name == "kind = overconfident"
    assert overconfident.signed_after.low > 0
    assert overconfident.q_value < 0.01 < calibrated.q_value
    assert overconfident.ece[2] > overconfident.ece[3]
    assert calibrated.signed_after.low < 0 < calibrated.signed_after.high


def test_p_value_is_that_of_every_outcome_counted():
    confidences = np.array([0.9, 0.75, 0.6, 0.55, 0.3])
    outcomes = np.array(list(product([0, 1], repeat=5)))
    chances = np.where(outcomes, confidences, 1 - confidences).prod(axis=1)
    for hits in range(6):
        low, high = chances[outcomes.sum(axis=1) <= hits].sum(), chances[outcomes.sum(axis=1) >= hits].sum()
        assert calibration_p_value(confidences, hits) == pytest.approx(min(1.0, 2 * min(low, high)))


def test_p_value_is_continuous_where_the_law_becomes_normal():
    confidences = np.random.default_rng(0).uniform(0.5, 1.0, EXACT_ROWS + 1)
    hits = round(confidences.sum()) - 25
    assert calibration_p_value(confidences, hits) == pytest.approx(
        calibration_p_value(confidences[:-1], hits - 1), rel=0.2
    )
    assert calibration_p_value(np.ones(EXACT_ROWS + 1), EXACT_ROWS + 1) == 1.0
    assert calibration_p_value(np.ones(EXACT_ROWS + 1), EXACT_ROWS) == 0.0


def test_true_confidences_are_seldom_doubted():
    generator = np.random.default_rng(3)
    doubted = 0
    for _ in range(400):
        confidences = generator.uniform(0.4, 1.0, 40)
        hits = int((generator.random(40) < confidences).sum())
        doubted += calibration_p_value(confidences, hits) <= 0.05
    assert doubted <= 400 * 0.05 + 3 * np.sqrt(400 * 0.05 * 0.95)


def test_slices_survive_the_disk_and_reach_the_table(tmp_path):
    folder = toy_folder(tmp_path / "evaluate")
    assert load_slices(folder) == []
    rows = len(load_predictions(folder, "test").ids)
    parts = [
        SliceRows("half", "declared", np.arange(rows // 2)),
        SliceRows("lone", "declared", np.array([3])),
    ]
    save_slices(folder, parts)
    assert [(one.name, one.family, one.rows.tolist()) for one in load_slices(folder)] == [
        (one.name, one.family, one.rows.tolist()) for one in parts
    ]
    run_calibrate(QUICK, folder, tmp_path / "artifacts", tmp_path / "reports")
    header, *lines = (tmp_path / "reports/plots/slices.tsv").read_text().splitlines()
    assert header.startswith("slice\tfamily\trows\t")
    # One row says nothing about calibration.
    assert [line.split("\t")[:3] for line in lines] == [["half", "declared", str(rows // 2)]]
