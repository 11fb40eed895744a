"""Images with texts as examples of a data set."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.spec.augmentation import Augmentation
from teacherspec.tasks.shared.dual_encoder_model import PAIR, TEXT_INPUTS, DualProcessor
from teacherspec.tasks.shared.image_augment import generator
from teacherspec.tasks.shared.image_dataset import ImageExamples, TrainingImages, stacked_images

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

TextsOfRow = Callable[[Mapping[str, Any]], list[str]]
"""From a row to texts."""

UNCHANGED = Augmentation()


class PairExamples(ImageExamples):
    """Rows for evaluation: image, label, and the prompts of the classes where each row has its own."""

    def __init__(self, processor: DualProcessor, rows: "Dataset", row_prompts: TextsOfRow | None) -> None:
        """Args: processor, rows, and the function from a row to its prompts (None if all rows share them)."""
        super().__init__(processor.images, rows)
        self.dual = processor
        self.row_prompts = row_prompts

    def __getitem__(self, index: int) -> dict[str, Any]:
        own = {} if self.row_prompts is None else self.dual.tokens(self.row_prompts(self.rows[index]))
        return {**super().__getitem__(index), **own}


class TrainingPairs(TrainingImages):
    """The same, augmented, and with one prompt of the row's class, drawn anew for each epoch."""

    def __init__(
        self,
        processor: DualProcessor,
        rows: "Dataset",
        augmentation: Augmentation | None,
        seed: int,
        row_prompts: TextsOfRow | None,
        class_prompts: TextsOfRow,
    ) -> None:
        """Args: see `PairExamples`; `class_prompts` gives the texts of which one is drawn."""
        super().__init__(processor.images, rows, augmentation or UNCHANGED, len(processor.names), seed)
        self.dual = processor
        self.row_prompts = row_prompts
        self.class_prompts = class_prompts

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        texts = self.class_prompts(row)
        drawn = texts[int(generator(self.seed, self.epoch, row["id"], "text").integers(len(texts)))]
        pair = {f"{PAIR}{name}": tokens[0] for name, tokens in self.dual.tokens([drawn]).items()}
        own = {} if self.row_prompts is None else self.dual.tokens(self.row_prompts(row))
        return {**super().__getitem__(index), **own, **pair}


def collate_pairs(processor: DualProcessor) -> "Callable[[list[Any]], dict[str, torch.Tensor]]":
    """A function from examples to one batch.

    It holds `pixel_values` `[B, 3, H, W]` or features first, from which the size of a batch is read; `labels`
    `[B]`; the prompts of the classes, `[P, L]` shared or `[B, P, L]`; and in training the tokens `[B, L]`.
    """

    def collate(examples: list[Any]) -> "dict[str, torch.Tensor]":
        import torch

        names = [name for name in examples[0] if name.startswith(PAIR) or name in TEXT_INPUTS]
        return {
            **stacked_images(examples),
            "labels": torch.from_numpy(np.stack([example["labels"] for example in examples])),
            **(processor.shared or {}),
            **{name: torch.stack([example[name] for example in examples]) for name in names},
        }

    return collate
