"""Which tasks take rows without an answer, refused before anything is read."""

from pathlib import Path

import pytest

from tests.unit.check.example import changed, problems

SOURCE = "      path: data/messages.jsonl\n"
TRANSFER = f"{SOURCE}    - {{kind: jsonl, path: data/more.jsonl, role: transfer}}\n"
TASK = "  kind: text_classification\n  max_length: 64\n"
TOKENS = (
    "    - {metric: evaluate.test.accuracy, at_least: 0.9}",
    "    - {metric: evaluate.test.nll, at_most: 2}",
)


def test_a_classifier_takes_them_and_gates_may_count_them(tmp_path: Path) -> None:
    gate = "at_least: 0.9}\n    - {metric: evaluate.transfer.rows, at_least: 100}"
    assert problems(tmp_path, changed((SOURCE, TRANSFER), ("at_least: 0.9}", gate))) == []


@pytest.mark.parametrize("metric", ["evaluate.transfer.accuracy", "calibrate.transfer.rows"])
def test_no_gate_names_what_needs_their_labels(tmp_path: Path, metric: str) -> None:
    gate = f"at_least: 0.9}}\n    - {{metric: {metric}, at_least: 0.5}}"
    (problem,) = problems(tmp_path, changed((SOURCE, TRANSFER), ("at_least: 0.9}", gate)))
    assert f"no stage measures {metric}" in problem


def test_retrieval_refuses_them_with_the_reason(tmp_path: Path) -> None:
    found = problems(tmp_path, changed((SOURCE, TRANSFER), (TASK, "  kind: clip_retrieval\n")))
    (problem,) = [line for line in found if "transfer" in line]
    assert "prepare.sources[1].role: " in problem
    assert "a pair of image and text, which is its own label" in problem


def test_a_language_model_takes_them_and_measures_no_loss_of_them(tmp_path: Path) -> None:
    gates = TOKENS[1] + "\n    - {metric: evaluate.transfer.rows, at_least: 1}"
    task = "  kind: causal_lm\n  max_length: 64\n"
    assert problems(tmp_path, changed((SOURCE, TRANSFER), (TASK, task), (TOKENS[0], gates))) == []
    gates = TOKENS[1] + "\n    - {metric: evaluate.transfer.nll, at_most: 1}"
    (problem,) = problems(tmp_path, changed((SOURCE, TRANSFER), (TASK, task), (TOKENS[0], gates)))
    assert "no stage measures evaluate.transfer.nll" in problem
