"""Kinds of task whose base is a dual encoder: what classifying by prompts and retrieval have in common."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field as Param

from teacherspec.tasks.base import BaseSummary, Batch, Kind, MemoryProbe, ModelInit
from teacherspec.tasks.shared.dual_encoder_model import (
    DualProcessor,
    embed_images,
    load_processor,
    load_towers,
    refuse_single_tower,
)
from teacherspec.tasks.shared.image_report import describe_images, images_report, refuse_unfit_processor
from teacherspec.tasks.shared.text_report import describe_lengths, length_report, refuse_longer

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from transformers import PreTrainedModel

TRIAL_ROWS = 2
FIT_ROWS = 2_000
"""Rows whose own texts are counted in tokens."""


class Towers(Kind):
    """A task of images and texts that meet in one space."""

    decodes: ClassVar[bool] = True
    new_head: ClassVar[bool] = False
    pairs: ClassVar[bool] = True

    max_length: int = Param(default=77, ge=4, le=4096)
    """Tokens of a text, special ones included: texts are padded to it and cut at it (CLIP 77, SigLIP 64)."""

    @abstractmethod
    def reader_of(self, folder: Path, names: Sequence[str]) -> DualProcessor:
        """The processor in a folder, for these classes. Raises `BaseModelError`."""

    @abstractmethod
    def texts_to_fit(
        self, processor: DualProcessor, splits: "Mapping[str, Dataset]"
    ) -> Mapping[str, Sequence[str]]:
        """Texts by what they are of, whose lengths `base` reports."""

    def check_base(self, folder: Path, backbone: BaseSummary) -> None:
        """Refuse a base without two towers, an unexpected processor, texts beyond its context."""
        refuse_single_tower(folder, backbone)
        refuse_longer(self.max_length, folder, backbone)
        refuse_unfit_processor(folder, load_processor(folder, self.max_length).images)

    def load_base(
        self, folder: Path, label_names: Sequence[str], start: ModelInit
    ) -> "tuple[PreTrainedModel, DualProcessor]":
        """Both towers, float32, and the processor. Raises `BaseModelError`."""
        return load_towers(folder, label_names, start), self.reader_of(folder, label_names)

    def load(self, folder: Path) -> "tuple[PreTrainedModel, DualProcessor]":
        """A fine-tuned model as saved, and its processor. Raises `BaseModelError`."""
        model = load_towers(folder, None, None)
        names = [name for _, name in sorted(model.config.id2label.items())]
        return model, self.reader_of(folder, names)

    def features(self, model: Any, batch: Batch) -> "torch.Tensor":
        """Frozen features `[B, D]`: the embeddings of the images."""
        return embed_images(model, batch["pixel_values"])

    def fit_report(
        self, processor: DualProcessor, splits: "Mapping[str, Dataset]", backbone: BaseSummary
    ) -> dict[str, Any]:
        """The model's input, the sizes of each split's images, and the lengths of the texts."""
        unknown = processor.tokenizer.unk_token_id
        data = {}
        for name, said in self.texts_to_fit(processor, splits).items():
            ids = processor.tokenizer(list(said))["input_ids"]
            data[name] = length_report([len(one) for one in ids], self.max_length, unknown, ids)
        context = {"base": backbone.context, "declared": self.max_length}
        return {**images_report(processor.images, splits), "texts": {"context": context, "data": data}}

    def describe_fit(self, fit: Mapping[str, Any]) -> Sequence[str]:
        """Lines of Markdown on sizes, normalisation and lengths."""
        return (*describe_images(fit), *describe_lengths(fit["texts"], "## Texts"))

    def memory_probe(self, processor: DualProcessor, rows: "Dataset") -> MemoryProbe:
        """Some images and all texts of theirs: all take the same memory."""
        count = min(len(rows), TRIAL_ROWS)
        return MemoryProbe(self.batch(processor, [rows[index] for index in range(count)]), count, 1)
