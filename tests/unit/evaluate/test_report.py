"""Tables and pictures: complete, harmless, the same bytes each time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from teacherspec.evaluate.classification.analysis import Analysis, all_slices, compare_shifts
from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.classification.findings import all_findings
from teacherspec.evaluate.classification.label_errors import hard_examples, label_suspects
from teacherspec.evaluate.classification.metrics import quality
from teacherspec.evaluate.classification.report import write_plots
from teacherspec.evaluate.common_report import read_learning, write_metrics
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.robustness import measure_robustness
from teacherspec.plots.confusion import neighbours
from teacherspec.plots.learning_curves import smoothed
from teacherspec.plots.style import LONGEST_NAME, writable
from teacherspec.spec.evaluate import Evaluate
from tests.unit.evaluate.toy_runs import drawn, measured, training_log

NASTY = '<script>alert("&")</script>\t<img src=x onerror=1>'
SECTION = Evaluate(resamples=100)


def analysis_of(test: EvalTable) -> Analysis:
    shifted = {"shifted": test}
    robustness = measure_robustness(test.predictions, {"typos": (test.predictions, 3)}, confidence=0.95)
    slices, _ = all_slices(SECTION, test)
    return Analysis(
        metrics={
            "test": quality(test.predictions, confidence=0.95, resamples=100, seed=0),
            "shifted": quality(test.predictions, confidence=0.95, resamples=100, seed=0),
            "train": quality(test.predictions, confidence=0.95, resamples=100, seed=0),
            "validation": quality(test.predictions, confidence=0.95, resamples=100, seed=0),
            "calibration": quality(test.predictions, confidence=0.95, resamples=100, seed=0),
            "beyond": {"rows": 7},
            "loss_ratio": 1.25,
            "gain": {"test": {"accuracy": {"value": 0.02, "low": 0.01, "high": 0.03}}},
            "robustness": {},
        },
        test=test,
        shifted=shifted,
        slices=slices,
        robustness=robustness,
        suspects=label_suspects({"test": test}),
        examples=hard_examples(test),
        findings=all_findings(
            test,
            slices=slices,
            robustness=robustness,
            shifts=compare_shifts(test, shifted, 0.95),
            gains=[],
            loss_ratio=1.25,
            loss_ratio_out_of_fold=None,
            confidence=0.95,
            false_discovery_rate=0.05,
        ),
    )


def write_all(folder: Path, test: EvalTable) -> Path:
    analysis = analysis_of(test)
    finetuned = training_log(folder / "finetuned")
    paths = Paths(folder, finetuned, folder / "out", folder, folder / "times.json")
    write_metrics(folder, analysis.metrics, analysis.findings)
    write_plots(paths, analysis, 0.95)
    return folder


def pictures(folder: Path) -> list[Path]:
    found = sorted((folder / "plots").glob("*.png"))
    assert [path.stem for path in found] == ["classes", "confusion", "learning_curves", "risk_coverage"]
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    test = drawn(90, seed=0, label_names=("cold", NASTY, "wet"), texts=[f"{NASTY} {i}" for i in range(90)])
    return write_all(tmp_path_factory.mktemp("report"), test)


def test_tables_have_a_line_for_each_row_they_tell_of(report: Path) -> None:
    lines = {path.name: path.read_text().splitlines() for path in (report / "plots").glob("*.tsv")}
    assert len(lines["confusion.tsv"]) == 1 + 90
    assert len(lines["classes.tsv"]) == 1 + 3
    assert len(lines["robustness.tsv"]) == 1 + 1
    assert len(lines["hardest.tsv"]) > 25
    for name, table in lines.items():
        assert len({line.count("\t") for line in table}) == 1, name


def test_the_same_numbers_give_the_same_bytes(report: Path, tmp_path: Path) -> None:
    test = drawn(90, seed=0, label_names=("cold", NASTY, "wet"), texts=[f"{NASTY} {i}" for i in range(90)])
    again = write_all(tmp_path, test)
    for path in sorted([*report.glob("*.*"), *report.glob("plots/*")]):
        assert path.read_bytes() == (again / path.relative_to(report)).read_bytes(), path.name


def test_many_classes_and_a_model_that_is_always_right(tmp_path: Path) -> None:
    names = tuple(f"class_{i:03d}" for i in range(150))
    labels = [i % 150 for i in range(600)]
    write_all(tmp_path, measured(labels, labels, label_names=names))
    for path in pictures(tmp_path):
        with Image.open(path) as picture:
            assert min(picture.size) > 200
            assert max(picture.size) < 4000, f"{path.name} can still be looked at"


@pytest.mark.parametrize("classes", [2, 40])
def test_pictures_of_any_number_of_classes(tmp_path: Path, classes: int) -> None:
    labels = [i % classes for i in range(200)]
    predicted: Sequence[int] = [0 if i % 7 == 0 else label for i, label in enumerate(labels)]
    write_all(tmp_path, measured(labels, predicted, label_names=tuple(f"c{i}" for i in range(classes))))
    assert all(path.stat().st_size > 1000 for path in pictures(tmp_path))


def test_any_name_can_be_drawn(tmp_path: Path) -> None:
    names = ("$x_1$ and $y$", "支払い", "a\ttab " + 40 * "long ")
    labels = [i % 3 for i in range(30)]
    write_all(tmp_path, measured(labels, [0] * 30, label_names=names))
    assert writable(names[0]) == names[0]
    assert set(writable(names[1])) == {"▯"}
    assert writable(names[2]).startswith("a tab long")
    assert len(writable(names[2])) == LONGEST_NAME


def test_confused_classes_stand_side_by_side() -> None:
    matrix = np.diag(np.full(6, 10))
    matrix[0, 5] = matrix[5, 0] = matrix[2, 4] = 5
    order = neighbours(matrix).tolist()
    assert sorted(order) == list(range(6))
    assert abs(order.index(0) - order.index(5)) == 1
    assert abs(order.index(2) - order.index(4)) == 1


def test_smoothing_is_the_mean_around() -> None:
    values = np.random.default_rng(0).random(100)
    smooth = smoothed(values.tolist())
    assert smooth[50] == pytest.approx(values[48:53].mean())
    assert smooth[0] == pytest.approx(values[:3].mean())
    np.testing.assert_allclose(smoothed([0.5] * 7), 0.5)
    assert smoothed([1.0, 2.0]).tolist() == [1.0, 2.0]


def test_the_log_is_read_as_written(tmp_path: Path) -> None:
    log = read_learning(training_log(tmp_path))
    assert log.step_epoch[:2] == [0.1, 0.2]
    assert log.nll == [1.0, 0.5, 1 / 3, 0.25]
    assert log.best_epoch == 3.0
