"""The whole pipeline for a tiny generative model: every stage's own code, up to a package."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from teacherspec.calibrate.run import run_calibrate
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.run import run_evaluate
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.train import finetune
from teacherspec.package.run import run_package
from teacherspec.package.stage_outputs import Stages
from teacherspec.runtime.atomic_io import write_json
from teacherspec.spec.calibrate import Calibrate
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.finetune import Finetune
from teacherspec.spec.package import Package
from teacherspec.splits import Prepared
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import ModelInit

PACKAGE = {
    "name": "colours", "description": "Names colours.", "intended_use": "Tests.", "data_license": "cc0-1.0",
    "gates": [
        {"metric": "evaluate.gain.test.nll", "at_least": 0.0, "tested": "bound"},
        {"metric": "evaluate.test.generated.stopped", "at_least": 0.9},
        {"metric": "calibrate.calibration.fitted", "at_least": 1},
    ],
}  # fmt: skip


SOURCE = {"kind": "path", "folder": "base", "outside_repository": False}


class PipelineRun(NamedTuple):
    """Folders of the stages, and the package."""

    stages: Stages
    teacher: Path


def run_pipeline(
    place: Path, task: Kind, prepare: Callable[[Path], Prepared], base: Path, **training: Any
) -> PipelineRun:
    """Fine-tune `base` on what `prepare` writes, evaluate, calibrate and package it below `place`."""
    stages = Stages(place / "artifacts", place / "reports")
    stages.prepared.mkdir(parents=True)
    prepared = prepare(stages.prepared)
    manifest = {"source": SOURCE, "architecture": "tiny", "license": "mit", "files": {}}
    write_json(stages.reports / "base/manifest.json", manifest)
    here = Path.cwd()
    os.chdir(place)
    try:
        section = Finetune.model_validate_json(
            json.dumps({"batch_size": 8, "learning_rate": 1e-2, **training})
        )
        init = ModelInit(section.dropout)
        finetune(Training(task, section, base, prepared, init), place / "run", stages.finetuned)
        declared = json.dumps(
            {
                "resamples": 100,
                "latency_examples": 10,
                "top_k": 8,
                "generation": {"rows": 20, "max_new_tokens": 24},
            }
        )
        report = stages.reports / "evaluate"
        paths = Paths(stages.prepared, stages.finetuned, stages.evaluated, report, report / "latency.json")
        run_evaluate(task, Evaluate.model_validate_json(declared), paths, lambda: base)
        calibrated = stages.reports / "calibrate"
        run_calibrate(Calibrate(resamples=100), stages.evaluated, stages.calibrated, calibrated)
        return PipelineRun(stages, packaged(stages, task, place))
    finally:
        os.chdir(here)


def packaged(stages: Stages, task: Kind, place: Path, **values: Any) -> Path:
    """The teacher packaged below `place`, with these keys of `package`."""
    section = Package.model_validate_json(json.dumps({**PACKAGE, **values}))
    spec = {
        "task": task.model_dump(mode="json"),
        "base": {"source": SOURCE},
        "package": section.model_dump(mode="json"),
    }
    run_package(section, task, spec, stages, place / "teacher", place / "report")
    return place / "teacher"
