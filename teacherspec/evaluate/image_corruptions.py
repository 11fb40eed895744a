"""Corruptions of images under which a person would answer the same, at growing severity.

Four of the families of ImageNet-C with its strengths (Hendrycks & Dietterich 2019, arXiv 1903.12261); those
in pixels are scaled from its 224 pixels to the image's shorter side.
"""

import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from teacherspec.tasks.shared.image_decoding import decode

if TYPE_CHECKING:
    from PIL.Image import Image

SEVERITIES = (1, 3, 5)
"""Of the five of ImageNet-C."""

SIDE = 224
NOISE = (0.08, 0.12, 0.18, 0.26, 0.38)
BLUR_PIXELS = (1, 2, 3, 4, 6)
JPEG_QUALITY = (25, 18, 15, 10, 7)
BRIGHTNESS = (0.1, 0.2, 0.3, 0.4, 0.5)

Corruption = Callable[["Image", int, np.random.Generator], bytes]


def noise(image: "Image", severity: int, draw: np.random.Generator) -> bytes:
    """Gaussian noise on every value."""
    values = np.asarray(image, np.float32) / 255
    return _pixels(values + draw.normal(scale=NOISE[severity - 1], size=values.shape))


def blur(image: "Image", severity: int, draw: np.random.Generator) -> bytes:  # noqa: ARG001
    """Gaussian blur of at least half a pixel, more with severity: a smaller radius changes nothing."""
    from PIL import ImageFilter

    radius = max(BLUR_PIXELS[severity - 1] * min(image.size) / SIDE, 0.4 + 0.1 * severity)
    return _stored(image.filter(ImageFilter.GaussianBlur(radius)))


def jpeg(image: "Image", severity: int, draw: np.random.Generator) -> bytes:  # noqa: ARG001
    """Lossy compression."""
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=JPEG_QUALITY[severity - 1])
    return sink.getvalue()


def brightness(image: "Image", severity: int, draw: np.random.Generator) -> bytes:
    """All values raised or lowered by the same amount."""
    sign = 1 if draw.random() < 0.5 else -1
    return _pixels(np.asarray(image, np.float32) / 255 + sign * BRIGHTNESS[severity - 1])


def _stored(image: "Image") -> bytes:
    """The image as bytes that `decode` reads: uncompressed, since they are read once and discarded."""
    sink = io.BytesIO()
    image.save(sink, "BMP")
    return sink.getvalue()


def _pixels(values: "np.ndarray[tuple[int, ...], np.dtype[np.floating]]") -> bytes:
    from PIL import Image

    return _stored(Image.fromarray((values.clip(0, 1) * 255).round().astype(np.uint8)))


def _corrupt(corruption: Corruption, severity: int, content: bytes, draw: np.random.Generator) -> bytes:
    return corruption(decode(content), severity, draw)


CORRUPTIONS: Mapping[str, Callable[[bytes, np.random.Generator], bytes]] = {
    f"{corruption.__name__}_{severity}": partial(_corrupt, corruption, severity)
    for corruption in (noise, blur, jpeg, brightness)
    for severity in SEVERITIES
}
"""Name and severity, such as `blur_3` → from stored bytes and a generator to stored bytes."""
