"""Columns that describe labels are refused by name where a loss cannot use them."""

from pathlib import Path

import pytest

from tests.unit.check.example import changed, check

ROOT = Path(__file__).parents[3]
WEIGHTED = ("  max_length: 64\n", "  max_length: 64\n  label_columns: [weight]\n")
SOURCE = "      path: data/messages.jsonl\n"


def test_weights_are_accepted_with_every_loss_of_single_rows(tmp_path: Path) -> None:
    renamed = (SOURCE, SOURCE + "      columns: {weight: trust}\n")
    for loss in ("{kind: focal}", "{kind: cross_entropy, label_smoothing: 0.1}"):
        declared = changed(WEIGHTED, renamed, ("  epochs: 3", f"  loss: {loss}\n  epochs: 3"))
        found = check(tmp_path, declared)
        assert found.exit_code == 0, found.output


def test_a_weighted_metric_may_be_a_gate(tmp_path: Path) -> None:
    gate = ("evaluate.test.accuracy", "evaluate.test.weighted.accuracy")
    assert check(tmp_path, changed(WEIGHTED, gate)).exit_code == 0
    wrong = check(tmp_path, changed(WEIGHTED, (gate[0], "evaluate.test.weighted.recall")))
    assert wrong.exit_code == 1


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ((SOURCE, SOURCE + "      columns: {weight: trust}\n"), "has no such column"),
        (("  max_length: 64\n", "  max_length: 64\n  label_columns: [label_votes]\n"), "declare label_names"),
        (
            (
                "  max_length: 64\n",
                "  max_length: 64\n  label_names: [a, b]\n  label_columns: [label_votes, label_probs]\n",
            ),
            "label_votes and label_probs both give the label",
        ),
        (("  max_length: 64\n", "  max_length: 64\n  label_columns: [weigth]\n"), "weight"),
        (("  max_length: 64\n", "  max_length: 64\n  label_columns: [weight, weight]\n"), "more than once"),
    ],
)
def test_wrong_declarations_are_refused(tmp_path: Path, edit: tuple[str, str], message: str) -> None:
    found = check(tmp_path, changed(edit))
    assert found.exit_code == 1
    assert message in found.output


def test_a_weight_is_no_further_column(tmp_path: Path) -> None:
    kept = ("  data: data\n", "  data: data\n  keep_columns: [weight]\n")
    found = check(tmp_path, changed(WEIGHTED, kept))
    assert "weight is a column of the task, always kept: drop it" in found.output


def test_mixed_images_and_pairs_have_no_weights(tmp_path: Path) -> None:
    text = (ROOT / "examples/digits/params.yaml").read_text()
    kind = "  kind: image_classification\n"
    assert text.count(kind) == 1
    text = text.replace(kind, kind + "  label_columns: [weight]\n")
    augmented = "  augmentation:\n"
    assert text.count(augmented) == 1
    found = check(tmp_path, text.replace(augmented, augmented + "    mix: {kind: mixup}\n"))
    assert "finetune.augmentation.mix: task.label_columns: weight" in found.output
    paired = text.replace("\nfinetune:\n", "\nfinetune:\n  loss: {kind: contrastive}\n")
    assert "finetune.loss.kind: task.label_columns: weight" in check(tmp_path, paired).output
