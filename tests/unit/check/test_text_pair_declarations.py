"""What suits pairs of texts and their scores, and what is refused by name, all at once."""

from pathlib import Path

import pytest

from teacherspec.check.run import check
from teacherspec.errors import DeclarationError

ROOT = Path(__file__).parents[3]
SAME, RELEVANCE = (
    (ROOT / "examples" / name / "params.yaml").read_text(encoding="utf-8")
    for name in ("same_issue", "relevance")
)


def refused(folder: Path, text: str, *edits: tuple[str, str]) -> list[str]:
    for given, changed in edits:
        assert given in text
        text = text.replace(given, changed)
    (folder / "params.yaml").write_text(text)
    with pytest.raises(DeclarationError) as caught:
        check(folder / "params.yaml")
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("given", "changed", "says"),
    [
        ("[message, article]", "[message, message]", "both columns are called message"),
        ("[message, article]", "[message, score]", "score names no text of a row"),
        ("[0, 5]", "[5, 0]", "the least score comes first (given 5, 0)"),
        ("[0, 5]", "[0, .inf]", "range"),
        ("[0, 5]", "[-200, 5]", "a score of -100 would be left out of training"),
        ("only_second", "first", "truncation"),
        ("{kind: conformal, level: 0.9}", "{kind: temperature}", "temperature is for classes"),
        ("selection_metric: mse", "selection_metric: nll", "does not measure it (given nll; allowed mae"),
        ("evaluate.test.pearson", "evaluate.test.accuracy", "no stage measures evaluate.test.accuracy"),
        ("probe: {}", "probe: {students: [{kind: bag_of_ngrams}]}", "no student of a text_pair_regression"),
        (
            "  batch_size: 64",
            "  batch_size: 64\n  perturbations: [typos]",
            "not measured under perturbations",
        ),
        ("  batch_size: 64", "  batch_size: 64\n  slices: [{kind: length}]", "has no slices yet"),
    ],
)
def test_what_does_not_suit_scores_is_refused(tmp_path: Path, given: str, changed: str, says: str) -> None:
    problems = refused(tmp_path, RELEVANCE, (given, changed))
    assert any(says in problem for problem in problems), problems


def test_every_training_option_that_needs_classes_is_named_once(tmp_path: Path) -> None:
    options = """
  class_weights: balanced
  linear_probe_first: true
  seeds: 3
  cross_fit: true
  loss: {kind: focal}
"""
    problems = refused(tmp_path, RELEVANCE, ("  seed: 0\n  epochs: 3\n", f"  seed: 0\n  epochs: 3{options}"))
    for name in ("class_weights", "linear_probe_first", "seeds", "cross_fit"):
        assert sum(f"finetune.{name}" in problem for problem in problems) >= 1, (name, problems)
    assert sum("finetune.loss" in problem for problem in problems) == 1, problems


def test_intervals_are_for_scores(tmp_path: Path) -> None:
    problems = refused(tmp_path, SAME, ("method: {kind: auto}", "method: {kind: conformal}"))
    assert any("conformal is for scores" in problem for problem in problems), problems


def test_only_pairs_without_order_are_swapped(tmp_path: Path) -> None:
    asked = ("  batch_size: 64", "  batch_size: 64\n  perturbations: [swap]")
    ordered = ("symmetric: true", "symmetric: false")
    (problem,) = refused(tmp_path, SAME, asked, ordered)
    assert "given swap" in problem
    (tmp_path / "params.yaml").write_text(SAME.replace(*asked))
    check(tmp_path / "params.yaml")
