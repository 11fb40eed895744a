"""What only texts or only images can be given is refused for the others, before any work."""

from pathlib import Path

import pytest

from teacherspec.check.run import check
from teacherspec.errors import DeclarationError

ROOT = Path(__file__).parents[3]


def refused(tmp_path: Path, text: str) -> str:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(DeclarationError) as caught:
        check(tmp_path / "params.yaml")
    return str(caught.value)


def test_texts_are_not_augmented(tmp_path: Path) -> None:
    text = (
        (ROOT / "params.yaml")
        .read_text()
        .replace("\nfinetune:\n", "\nfinetune:\n  augmentation: {flip: 0.5}\n")
    )
    told = refused(tmp_path, text)
    assert "finetune.augmentation: a text_classification row holds no image to change: drop it" in told


def test_images_have_no_pooling_of_tokens(tmp_path: Path) -> None:
    text = (ROOT / "examples/digits/params.yaml").read_text()
    told = refused(tmp_path, text.replace("  init: config", "  pooling: mean\n  init: config"))
    assert "base.pooling: is for encoders of text: drop it" in told


def test_a_crop_that_descends_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "examples/digits/params.yaml").read_text()
    told = refused(tmp_path, text.replace("area: [0.7, 1.0]", "area: [1.0, 0.7]"))
    assert "area: the smallest comes first (given 1, 0.7)" in told


def test_perturbations_of_texts_do_not_fit_images(tmp_path: Path) -> None:
    text = (ROOT / "examples/digits/params.yaml").read_text()
    told = refused(tmp_path, text.replace("  batch_size: 64", "  batch_size: 64\n  perturbations: [typos]"))
    assert "evaluate.perturbations[0]: a image_classification row cannot be perturbed so (given typos" in told


GATE = "    - {metric: evaluate.robustness.blur_3.accuracy, at_least: 0.9}\n"


def test_a_gate_may_name_a_perturbation_that_is_measured(tmp_path: Path) -> None:
    text = (ROOT / "examples/digits/params.yaml").read_text() + GATE
    (tmp_path / "params.yaml").write_text(text)
    check(tmp_path / "params.yaml")
    told = refused(tmp_path, text.replace("  batch_size: 64", "  batch_size: 64\n  perturbations: [jpeg_3]"))
    assert "no stage measures evaluate.robustness.blur_3.accuracy" in told
