"""Image classifiers through the whole pipeline: every family, from weights and from scratch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from teacherspec.base.run import run_base
from teacherspec.calibrate.run import run_calibrate
from teacherspec.cli.main import main
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.run import run_evaluate
from teacherspec.finetune.run import run_finetune
from teacherspec.model_files.manifest import open_base
from teacherspec.package.run import run_package
from teacherspec.package.stage_outputs import Stages
from teacherspec.package.verification.verify import verify
from teacherspec.runtime import machine
from teacherspec.runtime.atomic_io import read_json
from teacherspec.serving import load_teacher
from teacherspec.spec.base import Base
from teacherspec.spec.calibrate import Calibrate
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.finetune import Finetune
from teacherspec.spec.package import Package
from teacherspec.tasks.image_classification.task import ImageClassification
from tests.toys.image import FAMILIES, LABELS, toy_image, toy_image_base, toy_image_prepared

TASK = ImageClassification(kind="image_classification")
BASE = {"source": {"kind": "path", "folder": "base"}, "license": "apache-2.0"}
FINETUNE = {"epochs": 6, "batch_size": 16, "learning_rate": 3e-3}
PACKAGE = {
    "name": "colours",
    "description": "Tells colours apart.",
    "intended_use": "Tests.",
    "limits": ["Knows three colours."],
    "data_license": "cc0-1.0",
    "golden_examples": 8,
}


@pytest.fixture(autouse=True)
def _workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(machine.WORKERS, "0")


def run_pipeline(base: dict[str, Any], finetune: dict[str, Any]) -> Stages:
    """From the base to the package, in the current folder."""
    stages = Stages(Path("artifacts"), Path("reports"))
    toy_image_prepared(stages.prepared)
    declared_base, declared = (
        Base.model_validate_json(json.dumps(base)),
        Finetune.model_validate_json(json.dumps(finetune)),
    )
    run_base(TASK, declared_base, stages.prepared, stages.reports / "base")
    manifest = stages.reports / "base/manifest.json"
    run_finetune(TASK, declared, stages.prepared, manifest, stages.finetuned)
    evaluating = Evaluate(resamples=100, latency_examples=10, perturbations=("jpeg_3", "noise_5"))
    report = stages.reports / "evaluate"
    paths = Paths(stages.prepared, stages.finetuned, stages.evaluated, report, report / "latency.json")
    run_evaluate(TASK, evaluating, paths, lambda: open_base(manifest), declared_base)
    run_calibrate(Calibrate(resamples=100), stages.evaluated, stages.calibrated, stages.reports / "calibrate")
    package = Package.model_validate_json(json.dumps(PACKAGE))
    spec = {"task": TASK.model_dump(mode="json"), "base": base, "package": package.model_dump(mode="json")}
    run_package(package, TASK, spec, stages, Path("teacher"), Path("report"))
    return stages


def accuracy(stages: Stages) -> float:
    found: float = read_json(stages.reports / "evaluate/metrics.json")["test"]["accuracy"]["value"]
    return found


@pytest.mark.slow
def test_a_vision_transformer_becomes_a_teacher() -> None:
    toy_image_base(Path("base"), "vit")
    stages = run_pipeline(BASE, FINETUNE)
    assert accuracy(stages) > 0.7
    fit = read_json(stages.reports / "base/fit.json")
    assert (fit["input"]["height"], fit["input"]["image_mean"]) == (32, [0.5, 0.5, 0.5])
    assert fit["data"]["train"]["shorter_side"] == {"smallest": 36, "median": 36, "largest": 36}
    assert not [check for check in verify(Path("teacher")) if check.problems or check.skipped]
    page = stages.page.read_text()
    assert page.count('<img src="data:image/png;base64,') >= 10
    assert {path.name for path in (stages.evaluated / "pictures").iterdir()} >= {"undecided.png"}
    served(Path("teacher"))


def served(folder: Path) -> None:
    """Paths, bytes and base 64 give the same probabilities, here and on the command line."""
    content = toy_image(2, np.random.default_rng(9))
    Path("red.png").write_bytes(content)
    teacher = load_teacher(folder)
    by_bytes = teacher.probs([{"image": content}])
    np.testing.assert_array_equal(by_bytes, teacher.probs([{"image": "red.png"}]))
    assert LABELS[int(by_bytes.argmax())] == "red"
    done = CliRunner().invoke(main, ["predict", "teacher"], input='{"image": "red.png"}\n')
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["label"] == "red"
    lost = CliRunner().invoke(main, ["predict", "teacher"], input='{"image": "nowhere.png"}\n')
    assert lost.exit_code == 1
    assert ":1: image: no file can be read at 'nowhere.png'" in lost.stderr


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {"vit"}))
@pytest.mark.parametrize("init", ["pretrained", "config"])
def test_every_family_becomes_a_teacher(family: str, init: str) -> None:
    toy_image_base(Path("base"), family, weights=init == "pretrained")
    stages = run_pipeline({**BASE, "init": init}, {**FINETUNE, "epochs": 2})
    assert not [check for check in verify(Path("teacher")) if check.problems or check.skipped]
    model, _ = TASK.load(stages.finetuned / "model")
    assert tuple(model.config.id2label.values()) == LABELS


def test_scratch_needs_no_weights_and_ignores_those_there() -> None:
    from teacherspec.tasks.shared.interfaces.model import ModelInit

    toy_image_base(Path("with"), "resnet")
    toy_image_base(Path("without"), "resnet", weights=False)
    drawn = []
    for folder in ("with", "without"):
        torch.manual_seed(0)
        drawn.append(TASK.load_base(Path(folder), LABELS, ModelInit(init="config"))[0].state_dict())
    for name, tensor in drawn[0].items():
        torch.testing.assert_close(tensor, drawn[1][name], rtol=0, atol=0)
