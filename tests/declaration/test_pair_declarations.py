"""What only pairs of images and texts can be given is refused for the others, and the other way round."""

from pathlib import Path

import pytest

from teacherspec.errors import DeclarationError
from teacherspec.spec import check

ROOT = Path(__file__).parents[2]
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
            "needs images that are of one text",
        ),
        ("  augmentation:\n", "  augmentation:\n    recorded_views: 2\n", "a clip task records no views yet"),
        ("  epochs: 10", "  class_weights: balanced\n  epochs: 10", "a contrastive loss weighs no classes"),
        ("license: mit", "license: mit\n  init: config", "a base without weights has none to mix in"),
        (
            "a photo of a {label}, a type",
            "a photo of a type",
            "has no {label}: every class would be said alike",
        ),
        ("a photo of a {label}, a type", "{image} {label} type", "an image cannot be said in words"),
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
        ("  interpolation: 0.5\n  epochs: 30", "an image_classification task gets a new head"),
    ],
)
def test_other_tasks_have_no_pairs(tmp_path: Path, changed: str, says: str) -> None:
    told = refused(tmp_path, DIGITS, "  epochs: 30", changed).replace("a image", "an image")
    assert says in told


def test_a_template_names_columns_of_the_rows(tmp_path: Path) -> None:
    changed = CLIP.replace("of a person in a {label}", "of a {label} and {sentence}")
    (tmp_path / "params.yaml").write_text(changed)
    fields = check(tmp_path / "params.yaml").task.row_fields()
    assert [field.name for field in fields.columns()] == ["image", "sentence", "label"]
