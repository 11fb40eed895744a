"""What only rows with several labels can be given is refused for others, and the other way round."""

from pathlib import Path

import pytest

from teacherspec.check.run import check
from teacherspec.errors import DeclarationError

DECLARATION = """\
task:
  kind: multi_label_text_classification
  label_names: [ant, bee]
prepare:
  data: data
  sources:
  - {kind: csv, path: data/rows.csv, transforms: [{kind: labels, separator: "|"}]}
  fractions: {train: 0.6, validation: 0.1, calibration: 0.15, test: 0.15}
base:
  source: {kind: path, folder: base}
  license: mit
finetune:
  epochs: 1
  batch_size: 8
  learning_rate: 1.0e-4
  loss: {kind: binary_cross_entropy, pos_weight: balanced}
  selection_metric: mean_average_precision
evaluate: {}
calibrate:
  method: {kind: auto}
  thresholds: {kind: precision, at_least: 0.9}
probe: {}
package:
  name: insects
  description: A toy.
  intended_use: Tests.
  data_license: cc0-1.0
  gates:
  - {metric: calibrate.test.thresholds.macro_f1, at_least: 0.5}
  - {metric: calibrate.test.classwise_ece.after, at_most: 0.05}
  - {metric: evaluate.gain.test.mean_average_precision, at_least: 0}
"""


def refused(folder: Path, given: str, changed: str) -> str:
    assert given in DECLARATION
    (folder / "params.yaml").write_text(DECLARATION.replace(given, changed))
    with pytest.raises(DeclarationError) as caught:
        check(folder / "params.yaml")
    return str(caught.value)


def test_the_declaration_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(DECLARATION)
    check(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("given", "changed", "says"),
    [
        ("  label_names: [ant, bee]\n", "", "label_names"),
        (
            "{kind: binary_cross_entropy, pos_weight: balanced}",
            "{kind: cross_entropy}",
            "row may have several labels: use binary_cross_entropy or asymmetric (given cross_entropy",
        ),
        (
            "{kind: binary_cross_entropy, pos_weight: balanced}",
            "{kind: focal}",
            "focal loss is binary_cross_entropy with gamma",
        ),
        (
            "{kind: binary_cross_entropy, pos_weight: balanced}",
            "{kind: contrastive}",
            "has no pairs to contrast: use binary_cross_entropy",
        ),
        ("pos_weight: balanced", "pos_weight: -1.0", "must be above 0"),
        ("  epochs: 1\n", "  epochs: 1\n  class_weights: balanced\n", "declare loss.pos_weight"),
        ("  epochs: 1\n", "  epochs: 1\n  cross_fit: true\n", "no class logits to store"),
        ("mean_average_precision\nevaluate", "recall_at_1\nevaluate", "does not measure it"),
        ("{kind: auto}", "{kind: dirichlet}", "allowed for a multi_label_text_classification task"),
        ("  method: {kind: auto}\n", "  abstain: {risk: 0.1}\n", "only a classifier abstains"),
        ("probe: {}", "probe: {students: [{kind: bag_of_ngrams}]}", "can be probed yet"),
        ("evaluate: {}", "evaluate: {perturbations: [typos]}", "not measured under perturbations yet"),
        ("test.thresholds.macro_f1", "test.thresholds.makro_f1", "did you mean"),
        ('separator: "|"', 'separator: "|", columns: [ant]', "and not both"),
        (
            "  fractions:",
            "  - {kind: csv, path: data/more.csv, split: other, role: ood}\n  fractions:",
            "use shifted",
        ),
    ],
)
def test_what_does_not_fit_is_refused(given: str, changed: str, says: str, tmp_path: Path) -> None:
    message = refused(tmp_path, given, changed)
    assert says in message
    assert "Traceback" not in message


def test_thresholds_and_binary_losses_are_for_several_labels_alone(tmp_path: Path) -> None:
    one = DECLARATION.replace("multi_label_text_classification", "text_classification")
    (tmp_path / "params.yaml").write_text(one)
    with pytest.raises(DeclarationError) as caught:
        check(tmp_path / "params.yaml")
    message = str(caught.value)
    assert "binary_cross_entropy is for rows with several labels" in message
    assert "only rows with several labels have thresholds" in message


def test_stratification_needs_several_labels(tmp_path: Path) -> None:
    stratified = DECLARATION.replace("  fractions:", "  stratify_labels: true\n  fractions:")
    (tmp_path / "params.yaml").write_text(stratified)
    check(tmp_path / "params.yaml")
    one = stratified.replace("multi_label_text_classification", "text_classification")
    (tmp_path / "params.yaml").write_text(one)
    with pytest.raises(DeclarationError, match="do not have several labels"):
        check(tmp_path / "params.yaml")
