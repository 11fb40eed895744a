"""The whole stage on a toy: what it leaves, twice the same, and what it refuses."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import set_seed

from teacherspec.errors import DataError, DeclarationError, UserError
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.run import run_evaluate
from teacherspec.predictions.classification import load_predictions
from teacherspec.predictions.index import load_index
from teacherspec.spec.evaluate import Evaluate
from teacherspec.splits import check_splits, load_prepared
from teacherspec.tasks.shared.hf_saving import save_pretrained
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.text_classification.task import TextClassification
from tests.toys.text import LABELS, toy_base, toy_prepared
from tests.unit.evaluate.toy_runs import training_log

TASK = TextClassification(kind="text_classification", max_length=16)


REPORTS = {"findings.json", "headline.json", "metrics.json", "plots", "risk_coverage.tsv"}
PLOTS = {
    "classes.png", "classes.tsv", "confusion.png", "confusion.tsv", "hardest.tsv", "label_errors.tsv",
    "learning_curves.png", "risk_coverage.png",
}  # fmt: skip
"""Always there; slices and robustness only where they are measured."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `prepare/` and `finetune/model/` (a random head: nothing here needs a good model)."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "prepare").mkdir()
    toy_prepared(folder / "prepare")
    set_seed(0)
    model, processor = TASK.load_base(toy_base(folder / "base"), LABELS, ModelInit())
    save_pretrained(model, processor, training_log(folder / "finetune") / "model")
    return folder


@pytest.fixture(autouse=True)
def _workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(place: Path, name: str, **values: Any) -> Path:
    section = Evaluate.model_validate_json(json.dumps({"resamples": 100, "latency_examples": 10, **values}))
    out = Path(name)
    paths = Paths(place / "prepare", place / "finetune", out / "evaluate", out / "report", out / "times.json")
    run_evaluate(TASK, section, paths, lambda: place / "base")
    return out


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_leaves_predictions_metrics_and_times(place: Path) -> None:
    out = run(place, "out")
    index = load_index(out / "evaluate")
    assert index.label_names == LABELS
    assert index.rows["train"] == 96
    assert index.splits("ood") == ("out_of_scope",)
    metrics = json.loads((out / "report/metrics.json").read_text())
    assert set(metrics) == {*index.roles, "base", "gain", "loss_ratio", "robustness"}
    assert set(metrics["robustness"]) == {"case", "punctuation", "typos"}
    assert 0 <= metrics["robustness"]["typos"]["flip_rate"]["value"] <= 1
    for name in ("out_of_scope", "transfer"):
        assert metrics[name] == {"rows": 32}, "rows without labels have no accuracy"
    for name in index.roles:
        predictions = load_predictions(out / "evaluate", name)
        assert predictions.logits.shape == (index.rows[name], 3)
        if name not in ("out_of_scope", "transfer"):
            hits = predictions.logits.argmax(1) == predictions.labels
            assert metrics[name]["accuracy"]["value"] == pytest.approx(hits.mean(), abs=1e-6)
            assert metrics[name]["rows"] == index.rows[name]
    assert metrics["loss_ratio"] == pytest.approx(
        metrics["validation"]["nll"]["value"] / metrics["train"]["nll"]["value"], abs=1e-4
    )
    times = json.loads((out / "times.json").read_text())
    assert 0 < times["p50_ms"] <= times["p95_ms"]
    assert times["examples"] == 10
    assert {path.name for path in (out / "report").iterdir()} == REPORTS
    assert {path.name for path in (out / "report/plots").iterdir()} == {
        *PLOTS,
        "robustness.tsv",
        "slices.tsv",
    }


def test_twice_gives_the_same_bytes(place: Path) -> None:
    first, second = run(place, "first"), run(place, "second")
    assert digest(first / "evaluate") == digest(second / "evaluate")
    assert digest(first / "report") == digest(second / "report")


def test_missing_and_tiny_splits_are_refused_together(place: Path) -> None:
    prepared = load_prepared(place / "prepare")
    splits = {name: split for name, split in prepared.splits.items() if name not in ("test", "validation")}
    splits["shifted"] = replace(splits["shifted"], rows=1)
    splits["robustness"] = replace(splits["calibration"], name="robustness")
    with pytest.raises(DataError) as refusal:
        check_splits(replace(prepared, splits=splits))
    assert len(refusal.value.problems) == 4
    assert "no validation split" in refusal.value.problems[0]
    assert "no test split" in refusal.value.problems[1]
    assert "split shifted has 1 rows" in refusal.value.problems[2]
    assert "cannot be called robustness" in refusal.value.problems[3]


def test_a_model_of_other_classes_is_refused(place: Path, tmp_path: Path) -> None:
    model, processor = TASK.load_base(place / "base", ("a", "b"), ModelInit())
    save_pretrained(model, processor, tmp_path / "finetune/model")
    (tmp_path / "prepare").symlink_to(place / "prepare")
    with pytest.raises(UserError, match="has 2 classes and the prepared data 3"):
        run(tmp_path, "out")
    assert not Path("out/evaluate").exists(), "nothing is written before the model is known to fit"


def test_broken_weights_are_refused_by_row(place: Path, tmp_path: Path) -> None:
    model, processor = TASK.load(place / "finetune/model")
    model.classifier.bias.data[0] = np.nan
    save_pretrained(model, processor, tmp_path / "finetune/model")
    (tmp_path / "prepare").symlink_to(place / "prepare")
    with pytest.raises(UserError, match=r"row \S+ are not finite"):
        run(tmp_path, "out")


def test_unknown_perturbations_are_refused_before_work(place: Path) -> None:
    with pytest.raises(DeclarationError, match="rain does not apply"):
        run(place, "out", perturbations=["rain"])
    assert not Path("out").exists()


@pytest.mark.slow
def test_nothing_optional_is_needed(place: Path) -> None:
    out = run(place, "out", perturbations=[], slices=[], discover_slices=False)
    assert {path.name for path in (out / "report").iterdir()} == REPORTS
    assert {path.name for path in (out / "report/plots").iterdir()} == PLOTS
    assert json.loads((out / "report/metrics.json").read_text())["robustness"] == {}
