"""The whole stage on toy predictions."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from teacherspec.errors import DataError
from teacherspec.metric_names.probe import probe_names
from teacherspec.predictions.classification import load_predictions, save_predictions
from teacherspec.probe.run import run_probe
from teacherspec.probe.sources import Sources
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.probe.probe import Probe
from tests.pipeline.test_metric_names import numbers
from tests.unit.probe.toy_teacher import ROLES, toy_teacher

STUDENT = {"kind": "bag_of_ngrams", "hidden": 8, "features": 40, "epochs": 6, "batch_size": 32}


def section(**values: Any) -> Probe:
    return Probe.model_validate_json(json.dumps({"students": [STUDENT], **values}))


def probe(sources: Sources, folder: Path, **values: Any) -> tuple[dict[str, Any], list[str]]:
    """Content of `metrics.json`, and the printed lines."""
    lines = run_probe(
        section(**values), sources, sources.artifacts.parent / "fit.json", folder / "out", folder / "report"
    )
    printed = list(lines)
    return read_json(folder / "report/metrics.json"), printed


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[str]]:
    folder = tmp_path_factory.mktemp("probed")
    return folder, *probe(toy_teacher(folder), folder)


def test_a_teacher_that_knows_more_than_noisy_labels_lifts(probed: tuple[Path, Any, list[str]]) -> None:
    _, metrics, printed = probed
    assert metrics["test"]["lift"]["low"] > 0
    assert metrics["test"]["lifts"] == 1
    assert metrics["test"]["taught"]["accuracy"] > metrics["test"]["labels_only"]["accuracy"]
    assert metrics["test"]["control"]["low"] <= 0
    assert metrics["test"]["over_smoothing"]["low"] > 0
    assert printed[0].startswith("bag_of_ngrams: lifts; lift +")


def test_a_teacher_that_knows_nothing_does_not_lift(tmp_path: Path) -> None:
    metrics, _ = probe(toy_teacher(tmp_path, knows=0.0), tmp_path, budgets=[1.0])
    assert metrics["test"]["lifts"] == 0
    assert metrics["test"]["lift"]["low"] <= 0


def test_its_numbers_are_those_that_gates_may_name(probed: tuple[Path, Any, list[str]]) -> None:
    assert numbers(probed[1], "probe") == probe_names("classification", ROLES, 1, 2).always


def test_the_lift_follows_from_the_scores_of_rows(probed: tuple[Path, Any, list[str]]) -> None:
    folder, metrics, _ = probed
    rows = pq.read_table(folder / "out/student_1.parquet").to_pydict()
    on_test = np.array(rows["set"]) == "test"
    change = np.array(rows["taught"])[on_test] - np.array(rows["labels_only"])[on_test]
    assert change.mean() == pytest.approx(metrics["test"]["lift"]["value"], abs=1e-6)
    assert set(rows["seed"]) == {0, 1, 2, 3}


def test_the_same_declaration_gives_the_same_bytes(
    probed: tuple[Path, Any, list[str]], tmp_path: Path
) -> None:
    folder = probed[0]
    probe(toy_teacher(tmp_path), tmp_path)
    names = ["report/metrics.json", "report/arms.tsv", "report/plots/lift.png", "out/student_1.parquet"]
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_tables_hold_every_arm_and_slice(probed: tuple[Path, Any, list[str]]) -> None:
    report = probed[0] / "report"
    arms = (report / "arms.tsv").read_text().splitlines()
    assert len(arms) == 1 + 18 * 2 * 2, "arms × budgets × sets"
    assert "the first\tdeclared\t50" in (report / "plots/slices.tsv").read_text()
    assert (report / "plots/curves.png").is_file()


def test_without_students_valid_files_are_written_and_torch_is_not_imported(tmp_path: Path) -> None:
    toy_teacher(tmp_path)
    code = (
        "import sys\nfrom pathlib import Path\nfrom teacherspec.probe.run import run_probe\n"
        "from teacherspec.probe.sources import Sources\nfrom teacherspec.spec.probe.probe import Probe\n"
        "from teacherspec.splits import load_prepared\n"
        f"folder = Path({str(tmp_path)!r})\nartifacts = folder / 'artifacts'\n"
        "sources = Sources(load_prepared(artifacts / 'prepare'), ['text'], artifacts)\n"
        "assert not list(run_probe(Probe(), sources, folder / 'none', folder / 'out', folder / 'report'))\n"
        "print('torch' in sys.modules, 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert read_json(tmp_path / "report/metrics.json") == {}
    assert read_json(tmp_path / "report/headline.json") == {}
    assert (tmp_path / "report/arms.tsv").read_text().count("\n") == 1
    assert {path.name for path in (tmp_path / "report/plots").iterdir()} == {"curves.tsv", "slices.tsv"}


def test_a_student_larger_than_the_teacher_is_warned_of(tmp_path: Path) -> None:
    sources = toy_teacher(tmp_path)
    (tmp_path / "fit.json").write_text('{"parameters": {"total": 10}}')
    _, printed = probe(sources, tmp_path, budgets=[1.0], temperatures=[1.0], weights=[0.5], seeds=2)
    assert printed[0].startswith("warning: probe.students: bag_of_ngrams has ")
    assert "more than the teacher (10)" in printed[0]


def test_too_few_rows_for_the_smallest_budget_are_refused_with_the_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"probe.budgets: 0.01 of 240 train rows are 2 for 3 classes"):
        probe(toy_teacher(tmp_path), tmp_path, budgets=[0.01, 1.0])


def test_predictions_that_are_not_finite_are_refused_by_row(tmp_path: Path) -> None:
    sources = toy_teacher(tmp_path)
    broken = load_predictions(sources.evaluated, "train")
    logits = broken.logits.copy()
    logits[3, 1] = np.nan
    path = sources.evaluated / "predictions/train.parquet"
    save_predictions(path, type(broken)(broken.ids, broken.labels, logits))
    with pytest.raises(DataError, match=r"row train-3 of split train are not finite \(1 such rows\)"):
        probe(sources, tmp_path)


def test_predictions_of_other_rows_are_refused(tmp_path: Path) -> None:
    sources = toy_teacher(tmp_path)
    found = load_predictions(sources.evaluated, "test")
    path = sources.evaluated / "predictions/test.parquet"
    save_predictions(path, type(found)([*found.ids[1:], "another"], found.labels, found.logits))
    with pytest.raises(DataError, match="no prediction of row test-0 of split test"):
        probe(sources, tmp_path)


def test_predictions_are_joined_by_id_and_not_by_place(
    probed: tuple[Path, Any, list[str]], tmp_path: Path
) -> None:
    sources = toy_teacher(tmp_path)
    found = load_predictions(sources.evaluated, "train")
    order = np.random.default_rng(0).permutation(len(found.ids))
    shuffled = type(found)([found.ids[at] for at in order], found.labels[order], found.logits[order])
    save_predictions(sources.evaluated / "predictions/train.parquet", shuffled)
    metrics, _ = probe(sources, tmp_path)
    assert metrics == probed[1]
