"""The whole stage on toy embeddings."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teacherspec.errors import DataError
from teacherspec.metric_names.probe import probe_names
from teacherspec.package.card.probe_numbers import advice_of, score_name
from teacherspec.predictions.retrieval import load_embedding_predictions, save_embedding_predictions
from teacherspec.probe.retrieval.rows import load_pairs
from teacherspec.probe.run import run_probe
from teacherspec.probe.sources import Sources
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.probe.probe import Probe
from tests.pipeline.test_metric_names import numbers
from tests.unit.probe.retrieval.toy_pairs import ROLES, toy_pairs

STUDENT = {
    "kind": "dual_encoder", "image": {"kind": "image_resnet", "side": 8, "stages": 1, "width": 8},
    "text": {"kind": "bag_of_ngrams", "hidden": 16}, "width": 8, "epochs": 1, "batch_size": 32,
    "learning_rate": 0.01,
}  # fmt: skip


def section(student: dict[str, Any], **values: Any) -> Probe:
    declared = {"temperatures": [1.0], "weights": [0.7], "seeds": 2, "budgets": [0.5, 1.0]}
    return Probe.model_validate_json(json.dumps({**declared, "students": [{**STUDENT, **student}], **values}))


def probe(sources: Sources, folder: Path, student: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Content of `metrics.json`."""
    fit = sources.artifacts.parent / "fit.json"
    lines = list(run_probe(section(student, **values), sources, fit, folder / "out", folder / "report"))
    assert lines[0].startswith("dual_encoder: ")
    return read_json(folder / "report/metrics.json")


@pytest.mark.slow
def test_its_numbers_are_those_that_gates_may_name_and_the_card_speaks_of_recall(tmp_path: Path) -> None:
    found = probe(toy_pairs(tmp_path), tmp_path, {})
    assert numbers(found, "probe") == probe_names("retrieval", ROLES, 1, 2).all
    assert found["test"]["rows"] == 30, "images, not pairs"
    taught = found["test"]["taught"]
    assert taught["recall_at_1"] <= taught["recall_at_5"] <= taught["recall_at_10"]
    assert score_name(found) == "recall_at_1"
    assert "points of recall at 1 on test" in advice_of(found)[0]


@pytest.mark.slow
def test_a_teacher_that_sees_more_than_noisy_texts_lifts_and_its_controls_do_not(tmp_path: Path) -> None:
    found = probe(toy_pairs(tmp_path), tmp_path, {"epochs": 60}, budgets=[1.0])["test"]
    assert found["lifts"] == 1
    assert found["lift"]["low"] > 0.1
    assert found["over_smoothing"]["low"] > 0.1
    assert found["control"]["low"] <= 0


@pytest.mark.slow
def test_a_teacher_that_sees_nothing_does_not_lift(tmp_path: Path) -> None:
    found = probe(toy_pairs(tmp_path, knows=0.0), tmp_path, {"epochs": 60}, budgets=[1.0])["test"]
    assert found["lifts"] == 0
    assert found["lift"]["low"] <= 0


def test_predictions_that_are_not_finite_are_refused_by_row(tmp_path: Path) -> None:
    sources = toy_pairs(tmp_path)
    found = load_embedding_predictions(sources.evaluated, "train")
    texts = found.texts.copy()
    texts[2, 1] = np.nan
    broken = type(found)(found.ids, found.images, texts, found.image_of, found.text_of)
    save_embedding_predictions(sources.evaluated, "train", broken)
    with pytest.raises(DataError, match=r"embeddings for row train-2 of split train are not finite \(1 such"):
        load_pairs(section({}), sources)


def test_a_student_wider_than_the_teacher_and_few_images_are_refused_together(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        load_pairs(section({"width": 9}, budgets=[0.1, 1.0]), toy_pairs(tmp_path))
    first, second = refused.value.problems
    assert first.startswith("probe.students.0.width: 9 is more than the teacher's embeddings have; declare 8")
    assert second.startswith("probe.budgets: 0.1 of 80 different train images are 8 (needed: 10)")
