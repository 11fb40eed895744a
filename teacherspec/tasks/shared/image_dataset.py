"""Images as examples of a data set, decoded one by one on access."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.spec.augmentation import Augmentation, Mixup
from teacherspec.tasks.shared.image_augment import Draw, augmented, draw_view, generator
from teacherspec.tasks.shared.image_decoding import decode

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from PIL.Image import Image


FEATURES = "image_features"
"""Name in a batch of what stands in place of `pixel_values`: features `[B, H]` that were computed once."""

LONGEST_RATIO = 16
"""Ratio of the sides beyond which the ends of an image are cut off before a crop of its middle."""


def pixel_values(processor: Any, images: "list[Image]", **options: bool) -> "torch.Tensor":
    """RGB images → normalised values `[B, 3, H, W]`, or `[B, 1, H, W]` of a base that reads grey values."""
    if len(getattr(processor, "image_mean", None) or ()) == 1:  # processors of timm have no such setting
        images = [image.convert("L") for image in images]
    images = [trimmed(processor, image) for image in images]
    values: torch.Tensor = processor(images, return_tensors="pt", **options)["pixel_values"]
    return values


def trimmed(processor: Any, image: "Image") -> "Image":
    """The middle of a very long image, of which the processor crops a part of the middle anyway.

    It enlarges the shorter side to that of the input first: 20,000 × 2 pixels would become two million by
    224, in gigabytes and minutes. What is left gives the same values, within half a pixel after enlarging.
    """
    width, height = image.size
    short, long = sorted(image.size)
    # Of processors, ConvNeXt's crop by a share and all others by a flag; some have neither.
    crops = getattr(processor, "do_center_crop", False) or getattr(processor, "crop_pct", None)
    if long <= LONGEST_RATIO * short or not crops:
        return image
    margin = (
        long - LONGEST_RATIO * short
    ) // 2  # the same on both sides, so that the middle stays where it is
    if width > height:
        return image.crop((margin, 0, width - margin, height))
    return image.crop((0, margin, width, height - margin))


def input_sizes(processor: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Height and width, in pixels, of the processor's outputs for a wide and for a tall image."""
    from PIL import Image

    wide, tall = (pixel_values(processor, [Image.new("RGB", size)]) for size in ((90, 60), (60, 90)))
    return (wide.shape[2], wide.shape[3]), (tall.shape[2], tall.shape[3])


class ImageExamples:
    """Rows of images as model inputs, for evaluation.

    Attributes:
        features: `[N, H]` of all rows, where no part of the model that reads pixels is trained; set by
            `finetune.frozen_images`. Then no image is decoded.
        given: from a row to what is given of its label.
    """

    def __init__(
        self, processor: Any, rows: "Dataset", given: Callable[[Mapping[str, Any]], Any] = itemgetter("label")
    ) -> None:
        self.processor = processor
        self.rows = rows
        self.given = given
        self.features: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        return {**self.image(index, row), "labels": self.given(row)}

    def image(self, index: int, row: Mapping[str, Any]) -> "dict[str, torch.Tensor]":
        """The image of a row as input of the model: its pixels, or its features where there are some."""
        if self.features is None:
            return {"pixel_values": self.pixels(row)}
        import torch

        return {FEATURES: torch.from_numpy(self.features[index])}

    def pixels(self, row: Mapping[str, Any]) -> "torch.Tensor":
        """`[3, H, W]` of a row."""
        return pixel_values(self.processor, [decode(row["image"])])[0]


class TrainingImages(ImageExamples):
    """The same, augmented; random draws depend on seed, row and epoch.

    Images are mixed one by one and not within a batch, so that neither the micro-batch nor the number of
    processes changes an example.
    """

    def __init__(
        self,
        processor: Any,
        rows: "Dataset",
        augmentation: Augmentation,
        classes: int,
        seed: int,
        given: Callable[[Mapping[str, Any]], Any] = itemgetter("label"),
    ) -> None:
        super().__init__(processor, rows, given)
        self.augmentation = augmentation
        self.classes = classes
        self.seed = seed
        self.epoch = 0
        self.size = input_sizes(processor)[0]

    def set_epoch(self, epoch: int) -> None:
        """Draw for this epoch from now on."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        mix = self.augmentation.mix
        if mix is None:
            return super().__getitem__(index)
        row = self.rows[index]
        draw = generator(self.seed, self.epoch, row["id"])
        values = self._values(row["image"], draw)
        labels = np.zeros(self.classes, np.float32)
        share = 1.0
        if draw.random() < mix.share:
            other = self.rows[int(draw.integers(len(self.rows)))]
            values, share = _mixed(mix, values, self._values(other["image"], draw), draw)
            labels[other["label"]] += 1 - share
        labels[row["label"]] += share
        return {"pixel_values": values, "labels": labels}

    def pixels(self, row: Mapping[str, Any]) -> "torch.Tensor":
        """`[3, H, W]` of a row, augmented."""
        return self._values(row["image"], generator(self.seed, self.epoch, row["id"]))

    def _values(self, content: bytes, draw: Draw) -> "torch.Tensor":
        image = decode(content)
        view = draw_view(self.augmentation, image.width, image.height, draw)
        image = augmented(self.augmentation, image, view, self.size, draw)
        return pixel_values(self.processor, [image], **resize_options(view.box is not None))[0]


def resize_options(cropped: bool) -> dict[str, bool]:
    """Options of a processor for an image that already has the size of the model's input."""
    return {"do_resize": False, "do_center_crop": False} if cropped else {}


def _mixed(
    mix: Any, first: "torch.Tensor", second: "torch.Tensor", draw: Draw
) -> "tuple[torch.Tensor, float]":
    """Two images `[3, H, W]` as one, and the share of the first."""
    share = float(draw.beta(mix.alpha, mix.alpha))
    if isinstance(mix, Mixup):
        return share * first + (1 - share) * second, share
    height, width = first.shape[1:]
    high, wide = round(height * (1 - share) ** 0.5), round(width * (1 - share) ** 0.5)
    top, left = int(draw.integers(height - high + 1)), int(draw.integers(width - wide + 1))
    mixed = first.clone()
    mixed[:, top : top + high, left : left + wide] = second[:, top : top + high, left : left + wide]
    return mixed, 1 - high * wide / (height * width)


def collate_images(examples: list[Any]) -> "dict[str, torch.Tensor]":
    """Examples → `pixel_values` `[B, 3, H, W]` or features, and `labels`, `[B]` or soft `[B, C]`."""
    import torch

    labels = np.stack([example["labels"] for example in examples])
    return {**stacked_images(examples), "labels": torch.from_numpy(labels)}


def stacked_images(examples: Sequence[Mapping[str, Any]]) -> "dict[str, torch.Tensor]":
    """Examples → `pixel_values` `[B, 3, H, W]`, or in their place features `[B, H]`."""
    import torch

    name = FEATURES if FEATURES in examples[0] else "pixel_values"
    return {name: torch.stack([example[name] for example in examples])}
