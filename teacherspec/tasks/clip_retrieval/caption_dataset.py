"""Images with a text each as examples of a data set."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.spec.augmentation import Augmentation
from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.dual_encoder_model import TEXT_INPUTS, DualProcessor
from teacherspec.tasks.shared.image_dataset import ImageExamples, TrainingImages, stacked_images
from teacherspec.tasks.shared.image_text_dataset import UNCHANGED

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

Numbers = npt.NDArray[np.int64]


def numbered(rows: "Dataset", columns: Sequence[Column]) -> Numbers:
    """Numbers `[N, F]` of the values of each column, in the order of first use; equal where the values are.

    Equal as in `prepare`: by the pixels of images, and ignoring case and white space of texts.
    """
    numbered_columns = []
    for column in columns:
        seen: dict[bytes, int] = {}
        known: dict[bytes, int] = {}
        numbers = []
        for (value,) in (row.values() for row in rows.select_columns([column.name])):
            exact = blake2b(value if isinstance(value, bytes) else value.encode()).digest()
            if exact not in seen:  # a key is slower than a hash: an image must be decoded for it
                seen[exact] = known.setdefault(column.key(value), len(known))
            numbers.append(seen[exact])
        numbered_columns.append(numbers)
    return np.asarray(numbered_columns, np.int64).T


class CaptionedImages(ImageExamples):
    """Rows for evaluation: image, text, and as labels the numbers of both."""

    def __init__(self, processor: DualProcessor, rows: "Dataset", numbers: Numbers) -> None:
        super().__init__(processor.images, rows)
        self.dual = processor
        self.numbers = numbers

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        return captioned(self.dual, self.image(index, row), row["text"], self.numbers[index])


class TrainingCaptions(TrainingImages):
    """The same, augmented."""

    def __init__(
        self,
        processor: DualProcessor,
        rows: "Dataset",
        numbers: Numbers,
        augmentation: Augmentation | None,
        seed: int,
    ) -> None:
        super().__init__(processor.images, rows, augmentation or UNCHANGED, 0, seed)
        self.dual = processor
        self.numbers = numbers

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        return captioned(self.dual, self.image(index, row), row["text"], self.numbers[index])


def captioned(
    processor: DualProcessor, image: "Mapping[str, torch.Tensor]", text: str, numbers: Numbers
) -> dict[str, Any]:
    """One example: its image, the tokens of its text, and `labels` `[2]`, the numbers of both."""
    tokens = {name: part[0] for name, part in processor.tokens([text]).items()}
    return {**image, **tokens, "labels": numbers}


def collate_captioned(examples: list[Mapping[str, Any]]) -> "dict[str, torch.Tensor]":
    """Examples → images (pixels or features), tokens `[B, L]`, `image_keys` `[B]` and `labels` `[B, 2]`."""
    import torch

    names = [name for name in TEXT_INPUTS if name in examples[0]]
    tokens = {name: torch.stack([example[name] for example in examples]) for name in names}
    numbers = torch.from_numpy(np.stack([example["labels"] for example in examples]))
    return {**stacked_images(examples), **tokens, "image_keys": numbers[:, 0], "labels": numbers}
