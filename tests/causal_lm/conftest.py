"""One toy road of a language model, walked once for all tests."""

import json
import os
from pathlib import Path
from typing import NamedTuple

import pytest

from teacherspec.calibrate.section import Calibrate
from teacherspec.calibrate.stage import run_calibrate
from teacherspec.evaluate.section import Evaluate
from teacherspec.evaluate.stage import run_evaluate
from teacherspec.files import write_json
from teacherspec.finetune.section import Finetune
from teacherspec.finetune.train import finetune
from teacherspec.package.evidence import Stages
from teacherspec.package.section import Package
from teacherspec.package.stage import run_package
from tests.causal_lm.toys import lm_base, lm_prepared, task
from tests.language.tiny import CHATML, LLAMA3, MISTRAL

TEMPLATES = {"llama": LLAMA3, "mistral": MISTRAL, "qwen2": CHATML, "qwen3": CHATML, "gpt2": CHATML}
SPEC = {
    "task": task().model_dump(mode="json"),
    "base": {"source": {"kind": "path", "folder": "base", "outside_repository": False}},
}
PACKAGE = {
    "name": "colours", "description": "Names colours.", "intended_use": "Tests.", "data_license": "cc0-1.0",
    "gates": [
        {"metric": "evaluate.base.nll_change", "at_most": 0.0, "judge": "bound"},
        {"metric": "evaluate.test.generated.stopped", "at_least": 0.9},
        {"metric": "calibrate.calibration.fitted", "at_least": 1},
    ],
}  # fmt: skip


class Road(NamedTuple):
    stages: Stages
    teacher: Path


def walk(place: Path, family: str) -> Road:
    stages = Stages(place / "artifacts", place / "reports")
    stages.prepared.mkdir(parents=True)
    prepared = lm_prepared(stages.prepared)
    base = lm_base(place / "base", family, TEMPLATES[family])
    source = SPEC["base"]["source"]
    manifest = {"source": source, "architecture": family, "license": "mit", "files": {}}
    write_json(stages.reports / "base/manifest.json", manifest)
    here = Path.cwd()
    os.chdir(place)
    try:
        training = Finetune(epochs=5, batch_size=8, learning_rate=1e-2)
        finetune(task(), training, base, prepared, place / "run", stages.finetuned)
        declared = json.dumps(
            {"resamples": 100, "latency_examples": 10, "generation": {"rows": 20, "max_new_tokens": 24}}
        )
        report = stages.reports / "evaluate"
        run_evaluate(
            task(),
            Evaluate.model_validate_json(declared),
            stages.prepared,
            stages.finetuned,
            stages.evaluated,
            report,
            report / "latency.json",
            untrained=lambda: base,
        )
        calibrated = stages.reports / "calibrate"
        run_calibrate(Calibrate(resamples=100), stages.evaluated, stages.calibrated, calibrated)
        section = Package.model_validate_json(json.dumps(PACKAGE))
        spec = {**SPEC, "package": section.model_dump(mode="json")}
        run_package(section, task(), spec, stages, place / "teacher", place / "report")
    finally:
        os.chdir(here)
    return Road(stages, place / "teacher")


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    return walk(tmp_path_factory.mktemp("llama"), "llama")


def again(road, place, **values):
    """The teacher packaged anew with other keys of `package`."""
    section = Package.model_validate_json(json.dumps({**PACKAGE, **values}))
    spec = {**SPEC, "package": section.model_dump(mode="json")}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        run_package(section, task(), spec, road.stages, place / "teacher", place / "report")
    return place / "teacher"
