"""Augmentation of training images with Pillow alone: each function takes an image and a generator.

Geometry (`View`) is drawn separately from colour, because it can be recorded for a student.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.spec.augmentation import Augmentation, Colour, RandAugment, RandomCrop

if TYPE_CHECKING:
    from PIL.Image import Image

LEVELS = 30
"""Magnitudes of RandAugment."""

TRIES = 10
"""Attempts to draw a part that fits into the image, before the largest that fits is taken."""

GREY = (128, 128, 128)
"""Fills the area outside of a rotated or shifted image."""

Draw = np.random.Generator


def generator(*names: object) -> Draw:
    """A generator seeded by these values."""
    digest = hashlib.sha256("\0".join(map(str, names)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


@dataclass(frozen=True)
class View:
    """The part of an image that is used, and how it is mirrored.

    Attributes:
        box: left, top, right, bottom in pixels of the image, or None for the view of evaluation.
        flip: mirrored left and right.
        vertical_flip: mirrored top and bottom.
    """

    box: tuple[int, int, int, int] | None
    flip: bool
    vertical_flip: bool

    def of(self, image: "Image", size: tuple[int, int]) -> "Image":
        """The view of `image`; a part is resized to `size` (height, width), pixels."""
        from PIL.Image import Resampling, Transpose

        if self.box is not None:
            image = image.resize(size[::-1], Resampling.BICUBIC, box=self.box)
        if self.flip:
            image = image.transpose(Transpose.FLIP_LEFT_RIGHT)
        if self.vertical_flip:
            image = image.transpose(Transpose.FLIP_TOP_BOTTOM)
        return image


def draw_view(augmentation: Augmentation, width: int, height: int, draw: Draw) -> View:
    """A view of an image of this size."""
    box = None if augmentation.crop is None else draw_box(augmentation.crop, width, height, draw)
    flips = draw.random(2) < (augmentation.flip, augmentation.vertical_flip)
    return View(box, bool(flips[0]), bool(flips[1]))


def draw_box(crop: RandomCrop, width: int, height: int, draw: Draw) -> tuple[int, int, int, int]:
    """A part by area and aspect (the latter uniform in its logarithm), anywhere within the image."""
    for _ in range(TRIES):
        area = width * height * draw.uniform(*crop.area)
        aspect = float(np.exp(draw.uniform(*np.log(crop.aspect))))
        wide, high = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
        if 0 < wide <= width and 0 < high <= height:
            left, top = int(draw.integers(width - wide + 1)), int(draw.integers(height - high + 1))
            return left, top, left + wide, top + high
    aspect = float(np.clip(width / height, *crop.aspect))
    wide, high = min(width, max(1, round(height * aspect))), min(height, max(1, round(width / aspect)))
    left, top = (width - wide) // 2, (height - high) // 2
    return left, top, left + wide, top + high


def recolour(colour: Colour, image: "Image", draw: Draw) -> "Image":
    """Brightness, contrast and saturation changed in random order."""
    from PIL import ImageEnhance

    changes: list[tuple[Callable[[Any], Any], float]] = [
        (ImageEnhance.Brightness, colour.brightness),
        (ImageEnhance.Contrast, colour.contrast),
        (ImageEnhance.Color, colour.saturation),
    ]
    factors = [1 + draw.uniform(-strength, strength) for _, strength in changes]
    for index in draw.permutation(len(changes)).tolist():
        image = changes[index][0](image).enhance(factors[index])
    return image


def _affine(image: "Image", a: float, b: float, c: float, d: float, e: float, f: float) -> "Image":
    from PIL.Image import Resampling, Transform

    return image.transform(
        image.size, Transform.AFFINE, (a, b, c, d, e, f), Resampling.BILINEAR, fillcolor=GREY
    )


def _enhanced(name: str) -> "Callable[[Image, float, float], Image]":
    def change(image: "Image", magnitude: float, sign: float) -> "Image":
        from PIL import ImageEnhance

        enhancers = {
            "colour": ImageEnhance.Color,
            "contrast": ImageEnhance.Contrast,
            "brightness": ImageEnhance.Brightness,
            "sharpness": ImageEnhance.Sharpness,
        }
        return enhancers[name](image).enhance(1 + 0.9 * magnitude * sign)

    return change


def _ops(name: str) -> "Callable[[Image, float, float], Image]":
    def change(image: "Image", magnitude: float, sign: float) -> "Image":  # noqa: ARG001
        from PIL import ImageOps

        if name == "posterize":
            return ImageOps.posterize(image, 8 - round(4 * magnitude))
        if name == "solarize":
            return ImageOps.solarize(image, round(256 * (1 - magnitude)))
        return ImageOps.equalize(image) if name == "equalize" else ImageOps.autocontrast(image)

    return change


OPERATIONS: "tuple[Callable[[Image, float, float], Image], ...]" = (
    lambda image, magnitude, sign: image,
    lambda image, magnitude, sign: _affine(image, 1, 0.3 * magnitude * sign, 0, 0, 1, 0),
    lambda image, magnitude, sign: _affine(image, 1, 0, 0, 0.3 * magnitude * sign, 1, 0),
    lambda image, magnitude, sign: _affine(image, 1, 0, 0.45 * image.width * magnitude * sign, 0, 1, 0),
    lambda image, magnitude, sign: _affine(image, 1, 0, 0, 0, 1, 0.45 * image.height * magnitude * sign),
    lambda image, magnitude, sign: image.rotate(30 * magnitude * sign, fillcolor=GREY),
    _enhanced("colour"),
    _enhanced("contrast"),
    _enhanced("brightness"),
    _enhanced("sharpness"),
    _ops("posterize"),
    _ops("solarize"),
    _ops("equalize"),
    _ops("autocontrast"),
)
"""The fourteen operations of RandAugment: image, magnitude in [0, 1], sign → image. The ranges are those of
the paper's code (https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/autoaugment.py)."""


def rand_augment(declared: RandAugment, image: "Image", draw: Draw) -> "Image":
    """`declared.operations` of the operations, drawn with replacement."""
    for index in draw.integers(len(OPERATIONS), size=declared.operations).tolist():
        sign = 1.0 if draw.random() < 0.5 else -1.0
        image = OPERATIONS[index](image, declared.magnitude / LEVELS, sign)
    return image


def augmented(
    augmentation: Augmentation, image: "Image", view: View, size: tuple[int, int], draw: Draw
) -> "Image":
    """The view of an image, with colours changed as declared."""
    image = view.of(image, size)
    if augmentation.colour is not None:
        image = recolour(augmentation.colour, image, draw)
    if augmentation.rand_augment is not None:
        image = rand_augment(augmentation.rand_augment, image, draw)
    return image
