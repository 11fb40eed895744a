"""Rows with several labels, every stage: training, thresholds, package, serving, diff."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner

from teacherspec.base.run import run_base
from teacherspec.calibrate.run import run_calibrate
from teacherspec.cli.predict import command
from teacherspec.compare.multi_label.predictions import compare_predictions
from teacherspec.compare.paired_predictions import SideArtifacts, Sides
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.run import run_evaluate
from teacherspec.finetune.run import run_finetune
from teacherspec.package.card.terminal_summary import print_summary
from teacherspec.package.run import run_package
from teacherspec.package.stage_outputs import Stages
from teacherspec.package.verification.checksums import write_sums
from teacherspec.package.verification.verify import verify
from teacherspec.runtime.atomic_io import read_json, write_json
from teacherspec.serving import load_teacher
from teacherspec.serving.multi_label import MultiLabelTeacher
from teacherspec.spec.base import Base
from teacherspec.spec.calibrate import Calibrate
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.finetune import Finetune
from teacherspec.spec.package import Package
from teacherspec.tasks.multi_label_text_classification.task import MultiLabelTextClassification
from tests.toys.multi_label import toy_label_prepared
from tests.toys.text import LABELS, WORDS, toy_base

pytestmark = pytest.mark.slow

TASK = MultiLabelTextClassification(
    kind="multi_label_text_classification", label_names=LABELS, max_length=16, allow_no_labels=True
)
BASE = {"source": {"kind": "path", "folder": "base"}, "license": "mit"}
FINETUNE = {
    "epochs": 6,
    "batch_size": 16,
    "learning_rate": 5e-3,
    "loss": {"kind": "binary_cross_entropy", "pos_weight": "balanced"},
    "linear_probe_first": True,
    "selection_metric": "mean_average_precision",
}
CALIBRATE = {"resamples": 100, "method": {"kind": "vector"}, "thresholds": {"kind": "f1"}}
PACKAGE = {
    "name": "weather",
    "description": "Says which words on the weather are in a text.",
    "intended_use": "Tests.",
    "data_license": "cc0-1.0",
    "golden_examples": 8,
    "gates": [
        {"metric": "calibrate.test.thresholds.macro_f1", "at_least": 0.6},
        {"metric": "evaluate.gain.test.mean_average_precision", "at_least": -1},
        {"metric": "calibrate.test.classwise_ece.after", "at_most": 0.9},
    ],
}


def declared(section: type[Any], values: Any) -> Any:
    return section.model_validate_json(json.dumps(values))


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The pipeline run once, in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("pipeline"))
        found = Stages(Path("artifacts").absolute(), Path("reports").absolute())
        found.prepared.mkdir(parents=True)
        toy_label_prepared(found.prepared, 160, 48)
        toy_base(Path("base"))
        run_base(TASK, declared(Base, BASE), found.prepared, found.reports / "base")
        manifest = found.reports / "base/manifest.json"
        run_finetune(TASK, declared(Finetune, FINETUNE), found.prepared, manifest, found.finetuned)
        report = found.reports / "evaluate"
        paths = Paths(found.prepared, found.finetuned, found.evaluated, report, report / "latency.json")
        run_evaluate(TASK, Evaluate(resamples=100, latency_examples=10), paths, lambda: Path("base"))
        calibrate = declared(Calibrate, CALIBRATE)
        run_calibrate(calibrate, found.evaluated, found.calibrated, found.reports / "calibrate")
        package = declared(Package, PACKAGE)
        sections = {"task": TASK, "calibrate": calibrate, "package": package}
        spec = {"base": BASE, **{name: one.model_dump(mode="json") for name, one in sections.items()}}
        packaged = run_package(package, TASK, spec, found, Path("teacher"), Path("report"))
        print_summary(packaged, Path("absent.json"))
        assert [gate.passed for gate in packaged.gates[:3]] == [True] * 3
        yield found


@pytest.fixture
def teacher(stages: Stages, tmp_path: Path) -> Path:
    """A copy of the package."""
    return Path(shutil.copytree(stages.artifacts.parent / "teacher", tmp_path / "teacher"))


def problems(teacher: Path) -> str:
    return "\n".join(problem for check in verify(teacher) for problem in check.problems)


def test_it_learns_which_words_are_in_a_text(stages: Stages) -> None:
    found = read_json(stages.reports / "evaluate/metrics.json")
    frequencies = read_json(stages.reports / "base/fit.json")["untrained"]["label_frequencies"]
    assert found["test"]["mean_average_precision"]["low"] > frequencies["mean_average_precision"] + 0.1
    assert found["transfer"] == {"rows": 48}
    assert set(found["gain"]["test"]) >= {"macro_f1", "mean_average_precision", "accuracy", "nll"}


def test_thresholds_are_chosen_on_calibration_rows_and_reported_on_others(stages: Stages) -> None:
    found = read_json(stages.reports / "calibrate/metrics.json")
    saved = read_json(stages.calibrated / "calibration.json")
    assert set(saved["thresholds"]["by_label"]) == set(LABELS)
    assert "thresholds" not in found["calibration"]
    assert found["test"]["thresholds"]["macro_f1"]["value"] > 0.6
    assert found["test"]["nll"]["before"]["value"] == pytest.approx(
        read_json(stages.reports / "evaluate/metrics.json")["test"]["nll"]["value"], abs=1e-5
    )


def test_the_package_verifies_and_says_how_to_use_it(stages: Stages, teacher: Path) -> None:
    assert not [check for check in verify(teacher) if check.problems or check.skipped]
    card = (teacher / "README.md").read_text()
    program = card.split("```python\n")[1].split("```")[0]
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(teacher)
        exec(compile(program.replace('"a text"', '"ice and rain"'), "card", "exec"), found)  # noqa: S102
    loaded = load_teacher(teacher)
    assert isinstance(loaded, MultiLabelTeacher)
    assert found["probs"].numpy() == pytest.approx(loaded.probs([{"text": "ice and rain"}]), abs=1e-6)
    assert found["labels"] == loaded.labels([{"text": "ice and rain"}])
    page = stages.page.read_text()
    assert "mean average precision, test" in page
    assert "Hardest rows, test" in page


def test_soft_targets_are_logits_whose_student_loss_is_lowest_at_the_teacher(teacher: Path) -> None:
    rows = pq.read_table(next((teacher / "distill/soft").glob("train-*.parquet"))).to_pylist()
    logits = torch.tensor([row["logits"] for row in rows])
    assert {len(row["labels"]) for row in rows} == {len(LABELS)}
    for temperature in (1.0, 4.0):
        student = logits.clone().requires_grad_()
        targets = torch.sigmoid(logits / temperature)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(student / temperature, targets)
        loss.backward()
        assert student.grad is not None
        assert student.grad.abs().max() < 1e-7
    (path,) = (teacher / "distill/soft").glob("transfer-*.parquet")
    assert {value for row in pq.read_table(path).to_pylist() for value in row["labels"]} == {-1}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda saved: saved["thresholds"]["by_label"].update(cold=0.9), "the threshold of 'cold' is 0.9"),
        (lambda saved: saved["thresholds"].update(rule=None), "thresholds.rule is not calibrate.thresholds"),
        (lambda saved: saved["calibrator"].update(bias=[1.0, 1.0, 1.0]), "NLL"),
    ],
)
def test_another_calibration_is_found_out(change: Any, says: str, teacher: Path) -> None:
    path = teacher / "calibration/calibration.json"
    saved = read_json(path)
    change(saved)
    write_json(path, saved)
    write_sums(teacher)
    assert says in problems(teacher)


def test_other_soft_targets_are_found_out(teacher: Path) -> None:
    path = next((teacher / "distill/soft").glob("calibration-*.parquet"))
    table = pq.read_table(path)
    place = table.schema.get_field_index("labels")
    labels = table["labels"].to_pylist()
    labels[0] = [1 - one for one in labels[0]]
    field = table.schema.field(place)
    changed = table.set_column(place, field, pa.array(labels, field.type))
    pq.write_table(changed, path)
    write_sums(teacher)
    assert "distill: calibration: accuracy" in problems(teacher)


def test_predict_prints_labels_and_probabilities(teacher: Path, tmp_path: Path) -> None:
    word = WORDS["cold"][0]
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "r1", "text": f"the {word}"}) + "\n")
    done = CliRunner().invoke(command, [str(teacher), str(tmp_path / "rows.jsonl")])
    assert done.exit_code == 0, done.output
    (line,) = done.output.splitlines()
    found = json.loads(line)
    assert found["id"] == "r1"
    assert set(found["probs"]) == set(LABELS)
    limits = read_json(teacher / "calibration/calibration.json")["thresholds"]["by_label"]
    assert found["labels"] == [name for name in LABELS if found["probs"][name] >= limits[name]]


def test_two_teachers_are_compared_on_the_same_rows(stages: Stages, tmp_path: Path) -> None:
    other = tmp_path / "calibrate"
    run_calibrate(declared(Calibrate, {"resamples": 100}), stages.evaluated, other, tmp_path / "reports")
    sides = Sides(
        *(
            SideArtifacts(name, stages.evaluated, folder / "calibration.json", {})
            for name, folder in (("before", other), ("after", stages.calibrated))
        ),
        frozenset(),
        None,
    )
    not_compared: list[str] = []
    found = compare_predictions(sides, not_compared)
    assert not_compared == []
    tests = {test.metric: test for test in found.tests}
    assert "evaluate.test.mean_average_precision" in found.unchanged
    folders = (tmp_path / "reports", stages.reports / "calibrate")
    reported = [read_json(folder / "metrics.json") for folder in folders]
    for name in ("macro_f1", "subset_accuracy"):
        test = tests[f"calibrate.test.thresholds.{name}"]
        expected = [one["test"]["thresholds"][name]["value"] for one in reported]
        assert [test.before, test.after] == pytest.approx(expected, abs=1e-5)
    changed = sum(len(one.right_to_wrong) + len(one.wrong_to_right) for one in found.flips)
    assert changed > 0
    assert np.isfinite([test.p_value for test in found.tests]).all()
