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


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("  kind: causal_lm\n  max_length: 64\n", "distributions of the tokens of an answer"),
        ("  kind: clip_retrieval\n", "a pair of image and text, which is its own label"),
    ],
)
def test_other_output_types_refuse_them_with_the_reason(tmp_path: Path, task: str, reason: str) -> None:
    found = problems(tmp_path, changed((SOURCE, TRANSFER), (TASK, task), TOKENS))
    (problem,) = [line for line in found if "transfer" in line]
    assert problem.startswith("9:52: prepare.sources.1.role: ") or "prepare.sources" in problem
    assert reason in problem
