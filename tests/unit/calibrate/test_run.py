import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from teacherspec.calibrate.run import run_calibrate
from teacherspec.calibrators.fitted import Calibrator, apply
from teacherspec.errors import DataError
from teacherspec.metrics.calibration import expected_calibration_error, top_label_confidence
from teacherspec.metrics.ood import confidence_log_odds
from teacherspec.metrics.scores.softmax import softmax
from teacherspec.predictions.classification import NO_LABEL, Predictions, load_predictions, save_predictions
from teacherspec.spec.calibrate import (
    Abstention,
    Auto,
    Calibrate,
    HistogramBinning,
    IsotonicRegression,
    NoCalibration,
)
from tests.unit.calibrate.toy_predictions import toy_folder, toy_split, write_folder

ROLES = ("calibration", "test")
QUICK = Calibrate(resamples=100)


def run(section: Calibrate, folder: Path, target: Path) -> tuple[dict, dict]:
    run_calibrate(section, folder, target / "artifacts", target / "reports")
    artifact = json.loads((target / "artifacts" / "calibration.json").read_text())
    return artifact, json.loads((target / "reports" / "metrics.json").read_text())


def test_recovers_the_planted_temperature_and_reports_before_and_after(tmp_path):
    folder = toy_folder(tmp_path / "evaluate", rows=2000)
    artifact, metrics = run(QUICK, folder, tmp_path)
    assert artifact["status"] == "ok"
    assert artifact["temperature"] == pytest.approx(2.5, abs=4 * artifact["standard_error"])
    assert metrics["calibration"]["fitted"] == 1
    test = metrics["test"]
    assert test["ece"]["before"]["low"] > test["ece"]["noise_before"]
    assert test["ece"]["after"]["value"] < test["ece"]["noise_after"]
    assert test["nll"]["change"]["high"] < 0
    for when in ("before", "after"):
        reliability, resolution, uncertainty = (
            test[f"brier_{part}"][when] for part in ("reliability", "resolution", "uncertainty")
        )
        brier = test["brier"][when]["value"]
        assert reliability - resolution + uncertainty == pytest.approx(brier, abs=3e-6)
    assert test["brier_reliability"]["after"] < test["brier_reliability"]["before"]
    assert test["argmax_changed"] == 0
    assert test["accuracy"]["before"] == test["accuracy"]["after"]
    assert metrics["outside"]["max_probability"]["after"]["auroc"]["value"] > 0.5
    probs = softmax(load_predictions(folder, "test").logits)
    hits = top_label_confidence(probs, load_predictions(folder, "test").labels)
    assert test["ece"]["before"]["value"] == pytest.approx(expected_calibration_error(*hits), abs=1e-6)


def test_the_saved_calibrator_is_data_that_applies_again(tmp_path):
    from pydantic import TypeAdapter

    folder = toy_folder(tmp_path / "evaluate")
    artifact, metrics = run(
        Calibrate(method=IsotonicRegression(kind="isotonic"), resamples=100), folder, tmp_path
    )
    calibrator = TypeAdapter(Calibrator).validate_json(json.dumps(artifact["calibrator"]))
    test = load_predictions(folder, "test")
    hits = top_label_confidence(np.exp(apply(calibrator, test.logits)), test.labels)
    assert metrics["test"]["ece"]["after"]["value"] == pytest.approx(
        expected_calibration_error(*hits), abs=1e-6
    )
    assert "after" not in metrics["outside"]["energy"]


def test_two_builds_give_the_same_bytes(tmp_path):
    folder = toy_folder(tmp_path / "evaluate")
    for build in ("one", "two"):
        run(QUICK, folder, tmp_path / build)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert {path.name for path in files} == {
        "calibration.json",
        "headline.json",
        "classes.tsv",
        "metrics.json",
        "reliability.png",
        "reliability.tsv",
        "risk_coverage.png",
        "risk_coverage.tsv",
        "slices.tsv",
        "temperatures.json",
    }
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes(), path
    assert (
        b"matplotlib" not in (tmp_path / "one" / "reports" / "plots" / "reliability.png").read_bytes().lower()
    )


def test_no_calibration_changes_nothing(tmp_path):
    _, metrics = run(
        Calibrate(method=NoCalibration(kind="none"), resamples=100), toy_folder(tmp_path / "in"), tmp_path
    )
    test = metrics["test"]
    assert test["nll"]["before"] == test["nll"]["after"]
    assert test["nll"]["p_value"] == 1.0


def test_auto_reports_its_reason(tmp_path):
    artifact, _ = run(
        Calibrate(method=Auto(kind="auto"), resamples=100), toy_folder(tmp_path / "in", rows=1000), tmp_path
    )
    assert artifact["calibrator"]["kind"] == "temperature"
    assert artifact["reason"].startswith("temperature: no richer one is clearly better")


def test_auto_leaves_a_calibrated_model_as_it_is(tmp_path):
    splits = {name: (name, toy_split(name, 400, temperature=1.0, seed=k)) for k, name in enumerate(ROLES)}
    artifact, metrics = run(
        Calibrate(method=Auto(kind="auto"), resamples=100), write_folder(tmp_path / "in", splits), tmp_path
    )
    assert artifact["calibrator"] == {"kind": "none"}
    assert metrics["test"]["ece"]["change"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert metrics["calibration"]["fitted"] == 1


def test_a_calibrator_that_made_things_worse_does_not_count_as_fitted(tmp_path):
    """A flexible method on few rows harms a calibrated model. The control: many overconfident rows."""
    verdicts = {}
    for rows, temperature in ((40, 1.0), (4000, 2.5)):
        splits = {
            "calibration": ("calibration", toy_split("c", rows, temperature=temperature, seed=5)),
            "test": ("test", toy_split("t", 3000, temperature=temperature, seed=6)),
        }
        section = Calibrate(method=HistogramBinning(kind="histogram", n_bins=20), resamples=100)
        _, metrics = run(section, write_folder(tmp_path / str(rows), splits), tmp_path / f"out {rows}")
        verdicts[rows] = (metrics["calibration"]["fitted"], metrics["test"]["worsened"])
        change = metrics["test"]["ece"]["change"]
        assert change["low"] <= change["value"] <= change["high"]
    assert verdicts == {40: (0, 1), 4000: (1, 0)}


def test_abstention_is_reported_for_every_split(tmp_path):
    folder = toy_folder(tmp_path / "in", rows=2000)
    artifact, metrics = run(Calibrate(abstain=Abstention(risk=0.15), resamples=100), folder, tmp_path)
    threshold = artifact["abstention"]["threshold"]
    assert metrics["calibration"]["abstention"] == {"proven": 1, "threshold": threshold}
    test = load_predictions(folder, "test")
    kept = confidence_log_odds(test.logits) >= threshold
    assert 0.1 < kept.mean() < 0.9
    assert metrics["test"]["abstention"]["coverage"] == pytest.approx(kept.mean(), abs=1e-6)
    wrong = (test.logits.argmax(axis=1) != test.labels)[kept].mean()
    assert metrics["test"]["abstention"]["risk"]["value"] == pytest.approx(wrong, abs=1e-6)
    assert set(metrics["outside"]["abstention"]) == {"coverage"}
    # A risk that no number of rows this small can prove: nothing is accepted, and nothing is divided by zero.
    _, strict = run(Calibrate(abstain=Abstention(risk=0.0001), resamples=100), folder, tmp_path / "strict")
    assert strict["calibration"]["abstention"] == {"proven": 0}
    assert strict["test"]["abstention"] == {"coverage": 0.0}


def test_refuses_invalid_splits_all_at_once(tmp_path):
    calibration, test = toy_split("calibration", 200, seed=1), toy_split("test", 200, seed=2)
    test = replace(test, ids=[*calibration.ids[:3], *test.ids[3:]])
    test.logits[5, 1] = np.nan
    test.labels[7] = NO_LABEL
    tiny = toy_split("tiny", 1, seed=3)
    folder = write_folder(
        tmp_path / "in",
        {"calibration": ("calibration", calibration), "test": ("test", test), "tiny": ("shifted", tiny)},
    )
    with pytest.raises(DataError) as caught:
        run_calibrate(QUICK, folder, tmp_path / "artifacts", tmp_path / "reports")
    problems = caught.value.problems
    expected = (
        "split tiny has 1 rows",
        "3 rows are in",
        "row test-00005: logits are not finite",
        "row test-00007: label -1",
    )
    assert [text for text, word in zip(problems, expected, strict=True) if word not in text] == []
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize("absent", ["calibration", "test"])
def test_refuses_a_missing_split(tmp_path, absent):
    splits = {name: (name, toy_split(name, 100, seed=k)) for k, name in enumerate(["calibration", "test"])}
    del splits[absent]
    folder = write_folder(tmp_path / "in", splits)
    with pytest.raises(DataError, match=f"0 splits have the role {absent}"):
        run_calibrate(QUICK, folder, tmp_path / "artifacts", tmp_path / "reports")


def test_refuses_a_calibration_split_too_small_to_fit(tmp_path):
    splits = {"calibration": ("calibration", toy_split("c", 10)), "test": ("test", toy_split("t", 100))}
    with pytest.raises(DataError, match="at least 20"):
        run_calibrate(
            QUICK, write_folder(tmp_path / "in", splits), tmp_path / "artifacts", tmp_path / "reports"
        )


def test_the_stage_imports_no_torch_and_no_matplotlib():
    code = "import sys, stages.calibrate; sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3]).returncode == 0


ALL_ROWS = Calibrate(rows="calibration_and_out_of_fold", resamples=100)


def with_out_of_fold(folder: Path, unseen: Predictions) -> Path:
    save_predictions(folder / "predictions" / "out_of_fold.parquet", unseen)
    return folder


def test_rows_out_of_fold_are_fitted_on_and_never_reported(tmp_path):
    folder = with_out_of_fold(toy_folder(tmp_path / "in", rows=100), toy_split("train", 4000, seed=9))
    alone, reported_alone = run(QUICK, folder, tmp_path / "alone")
    artifact, reported = run(ALL_ROWS, folder, tmp_path / "all")
    assert artifact["standard_error"] < alone["standard_error"] / 4
    assert artifact["temperature"] == pytest.approx(2.5, abs=4 * artifact["standard_error"])
    assert (artifact["rows"], artifact["out_of_fold_rows"]) == (100, 4000)
    assert artifact["row_ids_sha256"] == alone["row_ids_sha256"], "those of the calibration split"
    assert reported["calibration"]["out_of_fold_rows"] == 4000
    assert reported["calibration"]["rows"] == 100
    assert reported.keys() == reported_alone.keys(), "no split of rows that were fitted on"
    for measure in ("ece", "nll"):
        assert reported["test"][measure]["before"] == reported_alone["test"][measure]["before"]
    assert "out_of_fold_rows" not in reported_alone["calibration"]


def test_auto_reports_whether_it_used_rows_out_of_fold(tmp_path):
    sharper = toy_split("train", 4000, temperature=6.0, seed=9)
    folder = with_out_of_fold(toy_folder(tmp_path / "in"), sharper)
    artifact, reported = run(ALL_ROWS.model_copy(update={"method": Auto(kind="auto")}), folder, tmp_path)
    assert reported["calibration"]["out_of_fold_rows"] == 0
    assert "temperature with out-of-fold rows" in artifact["reason"], "it was a candidate"


def test_rows_out_of_fold_that_are_reported_too_or_broken_are_refused(tmp_path):
    test = toy_split("test", 400, seed=2)
    with pytest.raises(DataError, match=r"400 rows are in what the calibrator is fitted on and in test"):
        run(ALL_ROWS, with_out_of_fold(toy_folder(tmp_path / "shared"), test), tmp_path)
    broken = toy_split("train", 50, seed=9)
    broken.logits[7, 1] = np.nan
    with pytest.raises(DataError, match=r"out_of_fold, row train-00007: logits are not finite"):
        run(ALL_ROWS, with_out_of_fold(toy_folder(tmp_path / "broken"), broken), tmp_path)
    with pytest.raises(DataError, match=r"no predictions of split `out_of_fold`"):
        run(ALL_ROWS, toy_folder(tmp_path / "none"), tmp_path)
