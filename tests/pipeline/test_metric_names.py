"""The numbers that gates may name are those that the stages report, for every kind of task."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from teacherspec.calibrate.run import run_calibrate
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.run import run_evaluate
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.seeds import finetune_seeds, write_teacher
from teacherspec.finetune.train import finetune
from teacherspec.metric_names.by_output_type import reported_names
from teacherspec.metric_names.perturbations import IMAGE, PAIR, TEXT
from teacherspec.metric_names.reported_names import over_seeds
from teacherspec.run_records.report_agreement import disagreements
from teacherspec.runtime import machine
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.calibrate import Calibrate
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared, save_index
from teacherspec.tasks import KINDS
from teacherspec.tasks.clip.task import Clip
from teacherspec.tasks.clip_retrieval.task import ClipRetrieval
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.multi_label_image_classification.task import MultiLabelImageClassification
from teacherspec.tasks.multi_label_text_classification.task import MultiLabelTextClassification
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.text_classification.task import TextClassification
from teacherspec.tasks.text_pair_classification.task import TextPairClassification
from teacherspec.tasks.text_pair_regression.task import TextPairRegression
from teacherspec.tasks.token_classification.task import TokenClassification
from tests.pipeline.causal_lm import toys as causal_lm
from tests.pipeline.test_clip_retrieval import ROLES, SAID, captioned
from tests.pipeline.vision_language import toys as vision_language
from tests.toys.clip import CONTEXT, toy_dual_base
from tests.toys.entities import TYPES, entity_prepared
from tests.toys.image import LABELS as COLOURS
from tests.toys.image import toy_image_base, toy_image_prepared
from tests.toys.multi_label import toy_label_image_prepared, toy_label_prepared
from tests.toys.text import LABELS, toy_base, toy_prepared
from tests.toys.text_pairs import pair_base, pair_prepared

GENERATION = {"generation": {"rows": 8, "max_new_tokens": 8, "sampling": {"temperature": 1.0}}}


class Toy(NamedTuple):
    """A tiny task: its rows and base, what it changes of the declaration, and what is perturbed."""

    task: Kind
    prepare: Callable[[Path], Prepared]
    base: Callable[[Path], Any]
    finetune: Mapping[str, Any] = MappingProxyType({})
    evaluate: Mapping[str, Any] = MappingProxyType({})
    perturbations: tuple[str, ...] = ()
    calibrate: Mapping[str, Any] = MappingProxyType({})


def pairs(folder: Path) -> Prepared:
    splits = {
        name: captioned(folder, name, role, 20, seed)
        for seed, (name, role) in enumerate(sorted(ROLES.items()))
    }
    prepared = Prepared("clip_retrieval", (), splits)
    save_index(folder, prepared)
    return prepared


TOYS = {
    "text_classification": Toy(
        TextClassification(kind="text_classification", max_length=16),
        lambda folder: toy_prepared(folder, 64, 24),
        toy_base,
        perturbations=TEXT,
    ),
    "multi_label_text_classification": Toy(
        MultiLabelTextClassification(
            kind="multi_label_text_classification", max_length=16, label_names=LABELS
        ),
        lambda folder: toy_label_prepared(folder, 64, 24),
        toy_base,
        finetune={"loss": {"kind": "binary_cross_entropy"}},
    ),
    "multi_label_image_classification": Toy(
        MultiLabelImageClassification(kind="multi_label_image_classification", label_names=COLOURS),
        toy_label_image_prepared,
        toy_image_base,
        finetune={"loss": {"kind": "asymmetric"}, "augmentation": {"flip": 0.5}},
    ),
    "image_classification": Toy(
        ImageClassification(kind="image_classification"),
        lambda folder: toy_image_prepared(folder, 48, 24),
        toy_image_base,
        perturbations=IMAGE,
    ),
    "clip": Toy(
        Clip(kind="clip", templates=("much {label} here",), max_length=CONTEXT),
        lambda folder: toy_image_prepared(folder, 48, 24),
        lambda folder: toy_dual_base(folder, SAID),
        evaluate={"perturbations": ["jpeg_3", "blur_3"]},
        perturbations=("jpeg_3", "blur_3"),
    ),
    "clip_retrieval": Toy(
        ClipRetrieval(kind="clip_retrieval", max_length=CONTEXT),
        pairs,
        lambda folder: toy_dual_base(folder, SAID),
        finetune={"loss": {"kind": "contrastive"}, "selection_metric": "recall_at_1"},
    ),
    "text_pair_classification": Toy(
        TextPairClassification(kind="text_pair_classification", max_length=32, symmetric=True),
        lambda folder: pair_prepared(folder, "text_pair_classification", scored=False),
        pair_base,
        perturbations=(*TEXT, *PAIR),
    ),
    "text_pair_regression": Toy(
        TextPairRegression(kind="text_pair_regression", max_length=32, range=(0.0, 5.0)),
        lambda folder: pair_prepared(folder, "text_pair_regression", scored=True),
        pair_base,
        finetune={"selection_metric": "mse", "seeds": None},
        calibrate={"method": {"kind": "conformal", "level": 0.8}},
    ),
    "token_classification": Toy(
        TokenClassification(kind="token_classification", entity_types=TYPES, max_length=16),
        lambda folder: entity_prepared(folder, 64, 24),
        toy_base,
        finetune={"selection_metric": "f1", "epochs": 6, "learning_rate": 5e-3},
    ),
    "causal_lm": Toy(
        causal_lm.task(),
        lambda folder: causal_lm.lm_prepared(folder, 64, 24),
        causal_lm.lm_base,
        evaluate=GENERATION,
    ),
    "vision_language": Toy(
        vision_language.task(),
        lambda folder: vision_language.vision_prepared(folder, 32, 24),
        vision_language.vision_base,
        evaluate=GENERATION,
    ),
}


def test_every_kind_of_task_is_among_them() -> None:
    assert TOYS.keys() == {kind.model_fields["kind"].annotation.__args__[0] for kind in KINDS}


def numbers(report: Any, name: str) -> set[str]:
    """Dotted names of the numbers in a report; a value with its interval is one."""
    if isinstance(report, dict):
        if "value" in report:
            return {name}
        return {inner for key, value in report.items() for inner in numbers(value, f"{name}.{key}")}
    return {name} if isinstance(report, int | float) else set()


@pytest.mark.parametrize("kind", TOYS)
def test_a_build_reports_the_numbers_that_gates_may_name(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(machine.WORKERS, "0")
    toy, base, data = TOYS[kind], tmp_path / "base", tmp_path / "prepare"
    data.mkdir()
    prepared = toy.prepare(data)
    toy.base(base)
    declared = {"epochs": 1, "batch_size": 16, "learning_rate": 1e-3, "seeds": 2, **toy.finetune}
    section = Finetune.model_validate_json(json.dumps(declared))
    training = Training(toy.task, section, base, prepared, ModelInit())
    if section.seeds is None:
        finetune(training, tmp_path / "run", tmp_path / "finetune")
    else:
        trained = finetune_seeds(training, 2, tmp_path / "seeds")
        write_teacher(training, trained, tmp_path / "run", tmp_path / "finetune", ())
    evaluate = Evaluate.model_validate_json(
        json.dumps({"resamples": 100, "latency_examples": 10, **toy.evaluate})
    )
    reports, predictions = tmp_path / "reports", tmp_path / "evaluate"
    paths = Paths(data, tmp_path / "finetune", predictions, reports / "evaluate", reports / "latency.json")
    run_evaluate(toy.task, evaluate, paths, lambda: base)
    calibrate = Calibrate.model_validate_json(json.dumps({"resamples": 100, **toy.calibrate}))
    run_calibrate(calibrate, predictions, tmp_path / "calibrate", reports / "calibrate")

    assert not list(disagreements(tmp_path))

    found = set[str]()
    for stage in ("evaluate", "calibrate"):
        found |= numbers(read_json(reports / stage / "metrics.json"), stage)
    roles = {name: split.role for name, split in prepared.splits.items()}
    names = reported_names(toy.task.output_type, roles, toy.perturbations)
    assert found - names.all == set(), "reported, but no gate may name them"
    assert names.always - found == set(), "promised, but not reported"
    assert section.seeds is None or over_seeds(roles).sometimes <= found
