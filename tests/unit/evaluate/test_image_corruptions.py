"""Corruptions grow with their severity, leave the size alone and repeat by their generator."""

import io

import numpy as np
import pytest
from PIL import Image

from teacherspec.evaluate.image_corruptions import CORRUPTIONS
from teacherspec.evaluate.perturbations import perturbations_of
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared.image_decoding import decode
from tests.toys.pictures import encoded, scene

CONTENT = encoded(scene(3, 96, 80))
NAMES = sorted({name.rpartition("_")[0] for name in CORRUPTIONS})


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(decode(content), np.float64)


def off(name: str, seed: int = 0) -> float:
    changed = CORRUPTIONS[name](CONTENT, np.random.default_rng(seed))
    return float(np.abs(pixels(changed) - pixels(CONTENT)).mean())


def test_the_four_families_are_there() -> None:
    assert NAMES == ["blur", "brightness", "jpeg", "noise"]
    fields = ImageClassification(kind="image_classification").row_schema()
    assert perturbations_of(fields).keys() == CORRUPTIONS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_damage_grows_with_severity(name: str) -> None:
    damage = [off(f"{name}_{severity}") for severity in (1, 3, 5)]
    assert 0 < damage[0] < damage[1] < damage[2]


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_size_stays_and_the_generator_decides(name: str) -> None:
    changed = CORRUPTIONS[name](CONTENT, np.random.default_rng(1))
    assert decode(changed).size == (96, 80)
    assert changed == CORRUPTIONS[name](CONTENT, np.random.default_rng(1))


def test_noise_has_the_strength_it_says() -> None:
    grey = encoded(Image.new("RGB", (200, 200), (128, 128, 128)))
    changed = pixels(CORRUPTIONS["noise_1"](grey, np.random.default_rng(0)))
    assert (changed - 128).std() / 255 == pytest.approx(0.08, rel=0.02)


def test_compression_is_jpeg() -> None:
    changed = CORRUPTIONS["jpeg_5"](CONTENT, np.random.default_rng(0))
    assert Image.open(io.BytesIO(changed)).format == "JPEG"
