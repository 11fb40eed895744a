"""What only pairs of images and texts can be given is refused for the others, and the other way round."""

from pathlib import Path

import pytest

from teacherspec.check.run import check
from teacherspec.errors import DeclarationError

ROOT = Path(__file__).parents[3]
CLIP, DIGITS = (
    (ROOT / "examples" / name / "params.yaml").read_text(encoding="utf-8") for name in ("clip", "digits")
)


def refused(folder: Path, text: str, given: str, changed: str) -> str:
    assert given in text
    (folder / "params.yaml").write_text(text.replace(given, changed))
    with pytest.raises(DeclarationError) as caught:
        check(folder / "params.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "changed", "says"),
    [
        (
            "  augmentation:\n",
            "  augmentation:\n    mix: {kind: mixup}\n",
            "needs unmixed images",
        ),
        ("  augmentation:\n", "  augmentation:\n    recorded_views: 2\n", "a clip task records no views yet"),
        (
            "  epochs: 10",
            "  class_weights: balanced\n  epochs: 10",
            "a contrastive loss has no classes to weigh",
        ),
        (
            "license: mit",
            "license: mit\n  init: config",
            "a base without weights has none to interpolate with",
        ),
        (
            "  epochs: 10",
            "  linear_probe_first: true\n  epochs: 10",
            "a clip task gets no new head to train first",
        ),
        (
            "  epochs: 10",
            "  head_learning_rate: 1.0e-3\n  epochs: 10",
            "a clip task gets no new head: drop it",
        ),
        (
            "a photo of a {label}, a type",
            "a photo of a type",
            "has no {label}: all classes would have the same prompt",
        ),
        ("a photo of a {label}, a type", "{image} {label} type", "an image has no words"),
        ("{longsleeve: ", "{pullover: ", "phrases: pullover is not among label_names"),
        ("selection_metric: accuracy", "selection_metric: recall", "selection_metric"),
    ],
)
def test_a_declaration_of_pairs_is_refused(tmp_path: Path, given: str, changed: str, says: str) -> None:
    assert says in refused(tmp_path, CLIP, given, changed)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            "  loss: {kind: contrastive}\n  epochs: 30",
            "an image_classification task has no pairs to contrast",
        ),
        ("  weight_interpolation: 0.5\n  epochs: 30", "the new head starts from random weights"),
        ("  linear_probe_first: true\n  epochs: 30", "a base without weights has no features"),
    ],
)
def test_other_tasks_have_no_pairs(tmp_path: Path, changed: str, says: str) -> None:
    told = refused(tmp_path, DIGITS, "  epochs: 30", changed).replace("a image", "an image")
    assert says in told


RETRIEVAL = """\
task: {kind: clip_retrieval}
prepare:
  data: data/mine
  sources: [{kind: jsonl, path: data/mine/rows.jsonl}]
  fractions: {train: 0.7, validation: 0.1, calibration: 0.1, test: 0.1}
base: {source: {kind: path, folder: models/clip}, license: mit}
finetune: {epochs: 3, batch_size: 32, learning_rate: 1.0e-5, loss: {kind: contrastive}}
evaluate: {}
calibrate: {}
probe: {}
package:
  {name: mine, description: Finds., intended_use: Teaching., data_license: cc0-1.0}
"""


@pytest.mark.parametrize(
    ("given", "changed", "says"),
    [
        ("loss: {kind: contrastive}", "loss: {kind: cross_entropy}", "has only pairs to learn from"),
        ("{kind: contrastive}}", "{kind: contrastive}, selection_metric: macro_f1}", "recall_at_1"),
        ("calibrate: {}", "calibrate: {method: {kind: isotonic}}", "isotonic is for classes"),
        ("evaluate: {}", "evaluate: {slices: [{kind: label}]}", "has no slices yet"),
        ("evaluate: {}", "evaluate: {perturbations: [jpeg_3]}", "not measured under perturbations yet"),
        ("{kind: contrastive}}", "{kind: contrastive}, class_weights: balanced}", "has no classes to weigh"),
        (
            "cc0-1.0}",
            "cc0-1.0, gates: [{metric: evaluate.test.macro_f1, at_least: 0.5}]}",
            "no stage measures evaluate.test.macro_f1",
        ),
    ],
)
def test_a_declaration_of_retrieval_is_refused(tmp_path: Path, given: str, changed: str, says: str) -> None:
    assert says in refused(tmp_path, RETRIEVAL, given, changed)


def test_the_declaration_of_the_page_holds(tmp_path: Path) -> None:
    page = (ROOT / "docs/clip.md").read_text(encoding="utf-8")
    block = page.partition("## Retrieval")[2].partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "params.yaml").write_text(block)
    assert check(tmp_path / "params.yaml").task.kind == "clip_retrieval"


def test_gates_of_retrieval_are_known(tmp_path: Path) -> None:
    names = ("evaluate.test.image_to_text.recall_at_1", "evaluate.loss_ratio", "calibrate.test.ece.after")
    gates = ", ".join(f"{{metric: {name}, at_least: 0.5}}" for name in names)
    declared = RETRIEVAL.replace("cc0-1.0}", f"cc0-1.0, gates: [{gates}]}}")
    (tmp_path / "params.yaml").write_text(declared)
    fields = check(tmp_path / "params.yaml").task.row_schema()
    assert [field.name for field in fields.content] == ["image"], (
        "an image keeps its split, all texts with it"
    )
    assert [field.name for field in fields.columns()] == ["image", "text"]


def test_a_template_names_columns_of_the_rows(tmp_path: Path) -> None:
    changed = CLIP.replace("of a person in a {label}", "of a {label} and {sentence}")
    (tmp_path / "params.yaml").write_text(changed)
    fields = check(tmp_path / "params.yaml").task.row_schema()
    assert [field.name for field in fields.columns()] == ["image", "sentence", "label"]
