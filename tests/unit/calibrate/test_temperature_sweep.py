"""What the page moves its temperature by: the numbers of the report, and no more than they need."""

import json

import numpy as np
import pytest

from teacherspec.calibrate.run import run_calibrate
from teacherspec.calibrate.temperature_sweep import STOPS
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.predictions.classification import load_predictions
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.calibrate import Calibrate
from tests.unit.calibrate.toy_predictions import toy_folder


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    place = tmp_path_factory.mktemp("sweep")
    toy_folder(place / "evaluate", rows=500)
    run_calibrate(Calibrate(resamples=100), place / "evaluate", place / "out", place / "report")
    return place


def stop_at(stops, temperature):
    return min(stops, key=lambda stop: abs(stop["temperature"] - temperature))


def test_the_stops_hold_what_the_report_holds_before_and_after(swept):
    stops, measured = (
        read_json(swept / "out/temperatures.json"),
        read_json(swept / "report/metrics.json")["test"],
    )
    fitted = read_json(swept / "out/calibration.json")["temperature"]
    for when, temperature in (("before", 1.0), ("after", fitted)):
        stop = stop_at(stops, temperature)
        assert stop["temperature"] == pytest.approx(temperature, abs=1e-6)
        assert stop["ece"] == measured["ece"][when]["value"]
        assert stop["nll"] == measured["nll"][when]["value"]


def test_each_stop_is_recomputed_from_the_logits(swept):
    test = load_predictions(swept / "evaluate", "test")
    stops = read_json(swept / "out/temperatures.json")
    assert len(stops) == len(STOPS) + 1
    assert [stop["temperature"] for stop in stops] == sorted(stop["temperature"] for stop in stops)
    for stop in stops:
        scaled = test.logits.astype(np.float64) / stop["temperature"]
        assert stop["nll"] == pytest.approx(nll(scaled, test.labels), abs=1e-5)
        rows = sum(count for _, _, count in stop["bins"])
        gaps = sum(count * abs(confidence - accuracy) for confidence, accuracy, count in stop["bins"])
        assert rows == len(test.labels)
        assert stop["ece"] == pytest.approx(gaps / rows, abs=2e-6)


def test_its_size_does_not_grow_with_the_rows(swept, tmp_path):
    toy_folder(tmp_path / "evaluate", rows=2000)
    run_calibrate(Calibrate(resamples=100), tmp_path / "evaluate", tmp_path / "out", tmp_path / "report")
    small, large = (
        len(json.dumps(read_json(place / "out/temperatures.json"))) for place in (swept, tmp_path)
    )
    assert large < 1.3 * small
