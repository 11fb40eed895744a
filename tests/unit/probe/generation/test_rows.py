"""What students of a language model read: joined by id, and refused by name where it is not fit."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teacherspec.errors import DataError
from teacherspec.predictions.top_k_tokens import load_top_k, save_top_k
from teacherspec.probe.generation.rows import ProbeTokens, by_prompt, load_tokens, scored
from teacherspec.probe.sources import Sources
from teacherspec.runtime.atomic_io import write_json
from teacherspec.spec.probe.probe import Probe
from tests.unit.probe.toy_language_teacher import ROWS, VOCABULARY, toy_language_teacher


def load(sources: Sources, **values: Any) -> ProbeTokens:
    declared = {"students": [{"kind": "small_llama"}], **values}
    section = Probe.model_validate_json(json.dumps(declared))
    return load_tokens(section, sources.prepared, sources.evaluated, sources.calibrated)


def test_every_split_has_its_place(tmp_path: Path) -> None:
    found = load(toy_language_teacher(tmp_path, given=True))
    assert (len(found.train.ids), found.labelled) == (ROWS["train"] + ROWS["given"], ROWS["train"])
    assert found.train.ids[-1].startswith("given-")
    assert {one.partition("-")[0] for one in found.choice.ids} == {"validation", "calibration"}
    assert list(found.reported) == ["test", "shifted"]
    assert (found.vocabulary, found.calibration) == (VOCABULARY, 1.5)


def test_rows_are_joined_by_id_and_not_by_place(tmp_path: Path) -> None:
    sources = toy_language_teacher(tmp_path)
    before = load(sources)
    tokens = load_top_k(sources.evaluated, "train")
    save_top_k(sources.evaluated, "train", tokens.take(np.arange(len(tokens.ids))[::-1]))
    np.testing.assert_array_equal(load(sources).train.input_ids, before.train.input_ids)


def test_the_teacher_is_scored_as_its_students_are(tmp_path: Path) -> None:
    tokens = load(toy_language_teacher(tmp_path, knows=50.0)).reported["test"]
    assert scored("test", tokens).teacher.tolist() == [1.0] * ROWS["test"]
    values = np.arange(tokens.positions.sum(), dtype=np.float32)
    first = tokens.positions[0]
    assert by_prompt(tokens, values)[0] == pytest.approx(values[:first].mean())


def test_more_rows_than_declared_are_drawn(tmp_path: Path) -> None:
    assert len(load(toy_language_teacher(tmp_path), max_rows=12, budgets=[1.0]).train.ids) == 12


def test_targets_of_other_rows_are_refused(tmp_path: Path) -> None:
    sources = toy_language_teacher(tmp_path)
    tokens = load_top_k(sources.evaluated, "test")
    save_top_k(sources.evaluated, "test", replace(tokens, ids=["another", *tokens.ids[1:]]))
    with pytest.raises(DataError, match="no prediction of row test-0 of split test"):
        load(sources)


def test_targets_that_are_not_finite_are_refused_by_row(tmp_path: Path) -> None:
    sources = toy_language_teacher(tmp_path)
    tokens = load_top_k(sources.evaluated, "train")
    top = tokens.targets["top_values"].copy()
    top[tokens.position_starts[3], 1] = np.nan
    save_top_k(sources.evaluated, "train", replace(tokens, targets={**tokens.targets, "top_values": top}))
    with pytest.raises(DataError, match=r"row train-3 of split train are not finite \(1 such rows\)"):
        load(sources)


def test_too_few_answers_are_refused_with_their_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"0.1 of 48 train rows are 4 \(needed: 8\)"):
        load(toy_language_teacher(tmp_path), budgets=[0.1, 1.0])


def test_a_calibrator_of_classes_is_refused(tmp_path: Path) -> None:
    sources = toy_language_teacher(tmp_path)
    classes = {"kind": "vector", "scale": [1.0], "bias": [0.0]}
    write_json(sources.calibrated / "calibration.json", {"calibrator": classes})
    with pytest.raises(DataError, match="one temperature"):
        load(sources)
