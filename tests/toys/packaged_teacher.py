"""A toy text classifier that went through every stage: trained, evaluated, calibrated and packaged."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from teacherspec.calibrate.run import run_calibrate
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.run import run_evaluate
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.train import finetune
from teacherspec.package.run import PackageResult, run_package
from teacherspec.package.stage_outputs import Stages
from teacherspec.probe.run import run_probe
from teacherspec.probe.sources import Sources
from teacherspec.runtime.atomic_io import write_json
from teacherspec.spec.calibrate import Abstention, Calibrate
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.finetune import Finetune
from teacherspec.spec.package import Package
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.probe.students import BagOfNgrams
from teacherspec.splits import UNLABELLED, Prepared, Role, save_index
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.text_classification.task import TextClassification
from tests.toys.text import LABELS, toy_base, toy_rows, toy_split

ROOT = Path(__file__).resolve().parents[2]
TASK = TextClassification(kind="text_classification", max_length=16)
PACKAGE = {
    "name": "weather",
    "description": "Tells cold, hot and wet weather apart.",
    "intended_use": "Tests.",
    "limits": ["Knows no other weather."],
    "language": ["en"],
    "data_license": "cc0-1.0",
    "soft_targets": ["train", "validation", "calibration", "out_of_scope"],
}
SPEC = {
    "task": TASK.model_dump(mode="json"),
    "base": {"source": {"kind": "path", "folder": "/home/someone/base", "outside_repository": True}},
}


PROBE = Probe(
    students=(BagOfNgrams(kind="bag_of_ngrams", hidden=8, features=32, epochs=4),),
    temperatures=(1.0,),
    weights=(0.5,),
    seeds=2,
)


ROLES: dict[str, Role] = {
    "train": "train",
    "validation": "validation",
    "calibration": "calibration",
    "test": "test",
    "shifted": "shifted",
    "out_of_scope": "ood",
    "transfer": "transfer",
}


CANARIES = {
    "HF_TOKEN": "hf_CANARYcanaryCANARYcanary",
    "AWS_SECRET_ACCESS_KEY": "canarySecretKey",
    "USER": "canaryuser",
    "LOGNAME": "canaryuser",
    "HOSTNAME": "canaryhost",
}
"""Private values of a machine's environment; no file of a package may hold one."""


class PackagedTeacher(NamedTuple):
    """The package, and what the stages before it left."""

    stages: Stages
    folder: Path
    report: Path
    result: PackageResult


def noisy_prepared(folder: Path) -> Prepared:
    """Splits of the toy task in which a tenth of the labels is wrong, so that no teacher is perfect."""
    splits = {}
    for seed, (name, role) in enumerate(ROLES.items()):
        texts, labels = toy_rows(384 if name == "train" else 64, seed)
        draw = np.random.default_rng(seed)
        noisy = [int(draw.integers(len(LABELS))) if draw.random() < 0.15 else label for label in labels]
        splits[name] = toy_split(
            folder, name, role, texts, [-1] * len(texts) if role in UNLABELLED else noisy
        )
    prepared = Prepared("text_classification", LABELS, splits)
    save_index(folder, prepared)
    return prepared


def section(**values: Any) -> Package:
    return Package.model_validate_json(json.dumps({**PACKAGE, **values}))


def package(stages: Stages, place: Path, **values: Any) -> PackageResult:
    declared = section(**values)
    spec = {**SPEC, "package": declared.model_dump(mode="json")}
    return run_package(declared, TASK, spec, stages, place / "teacher", place / "report")


def build_packaged_teacher(place: Path) -> PackagedTeacher:
    """Run `finetune`, `evaluate`, `calibrate` and `package` on the toy splits, in a few seconds."""
    stages = Stages(place / "artifacts", place / "reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for name, secret in CANARIES.items():
            patch.setenv(name, secret)
        stages.prepared.mkdir(parents=True)
        prepared = noisy_prepared(stages.prepared)
        base = toy_base(place / "base")
        source = SPEC["base"]["source"]
        manifest = {"source": source, "architecture": "bert", "license": "apache-2.0", "files": {}}
        write_json(stages.reports / "base/manifest.json", manifest)
        training = Finetune(epochs=6, batch_size=16, learning_rate=5e-3)
        finetune(Training(TASK, training, base, prepared, ModelInit()), place / "run", stages.finetuned)
        evaluating = Evaluate(resamples=100, latency_examples=10)
        report = stages.reports / "evaluate"
        paths = Paths(stages.prepared, stages.finetuned, stages.evaluated, report, report / "latency.json")
        run_evaluate(TASK, evaluating, paths, lambda: base)
        run_calibrate(
            Calibrate(resamples=100, abstain=Abstention(risk=0.4)),
            stages.evaluated,
            stages.calibrated,
            stages.reports / "calibrate",
        )
        write_json(stages.reports / "base/fit.json", {"parameters": {"total": 30_000}})
        sources = Sources(prepared, ["text"], stages.artifacts)
        probing = (PROBE, sources, stages.reports / "base/fit.json")
        list(run_probe(*probing, stages.artifacts / "probe", stages.reports / "probe"))
        packaged = package(stages, place)
    return PackagedTeacher(stages, place / "teacher", place / "report", packaged)
