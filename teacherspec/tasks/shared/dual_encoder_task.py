"""What the kinds share whose base is a dual encoder: zero-shot classification and retrieval."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field as Param

from teacherspec.tasks.shared.dual_encoder_model import (
    DualProcessor,
    load_processor,
    load_towers,
    refuse_single_tower,
    tower_outputs,
)
from teacherspec.tasks.shared.hf_loading import load_image_processor
from teacherspec.tasks.shared.image_report import check_processor, describe_images, images_report
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary, MemoryProbe
from teacherspec.tasks.shared.interfaces.capabilities import FrozenImages, PairEmbeddings
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import Batch, ModelInit
from teacherspec.tasks.shared.processor_probe import probe_images, probe_texts
from teacherspec.tasks.shared.text_report import (
    count_unknown,
    describe_lengths,
    length_report,
    refuse_longer,
)

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from transformers import PreTrainedModel

PROBE_ROWS = 2
REPORT_ROWS = 2_000
"""Rows of a split whose texts are tokenised for the report."""


class DualEncoderTask(Kind, PairEmbeddings, FrozenImages):
    """A task of images and texts that are embedded in one space."""

    decodes_images: ClassVar[bool] = True
    augments_images: ClassVar[bool] = True
    has_new_head: ClassVar[bool] = False

    max_length: int = Param(default=77, ge=4, le=4096)
    """Tokens of a text, special ones included: texts are padded to it and cut at it (CLIP 77, SigLIP 64)."""

    @abstractmethod
    def processor_for(self, folder: Path, names: Sequence[str]) -> DualProcessor:
        """The processor in a folder, for these classes. Raises `BaseModelError`."""

    @abstractmethod
    def report_texts(
        self, processor: DualProcessor, splits: "Mapping[str, Dataset]"
    ) -> Mapping[str, Sequence[str]]:
        """Name of a group of texts → the texts, whose lengths `base` reports."""

    def probe_processor(self, folder: Path, rows: "Dataset") -> Iterator[str]:
        """Every text through the tokenizer, and images of the extreme shapes through the processor."""
        yield from probe_texts(folder, rows, self.tokenizer_probe_texts)
        yield from probe_images(load_image_processor(folder), rows["image"])

    def check_base(self, folder: Path, backbone: BaseSummary) -> None:
        """Refuse a base without two towers, an unexpected processor, texts beyond its context."""
        refuse_single_tower(folder, backbone)
        refuse_longer(self.max_length, folder, backbone)
        check_processor(folder, load_processor(folder, self.max_length).images)

    def load_base(
        self, folder: Path, label_names: Sequence[str], start: ModelInit
    ) -> "tuple[PreTrainedModel, DualProcessor]":
        """Both towers, float32, and the processor. Raises `BaseModelError`."""
        return load_towers(folder, label_names, start), self.processor_for(folder, label_names)

    def load(self, folder: Path) -> "tuple[PreTrainedModel, DualProcessor]":
        """A fine-tuned model as saved, and its processor. Raises `BaseModelError`."""
        model = load_towers(folder, None, None)
        names = [name for _, name in sorted(model.config.id2label.items())]
        return model, self.processor_for(folder, names)

    def fit_report(
        self, processor: DualProcessor, splits: "Mapping[str, Dataset]", backbone: BaseSummary
    ) -> dict[str, Any]:
        """The model's input, the sizes of each split's images, and the lengths of the texts."""
        unknown = processor.tokenizer.unk_token_id
        data = {}
        for name, texts in self.report_texts(processor, splits).items():
            ids = processor.tokenizer(list(texts))["input_ids"]
            data[name] = length_report(list(map(len, ids)), self.max_length, count_unknown(unknown, ids))
        context = {"base": backbone.context, "declared": self.max_length}
        return {**images_report(processor.images, splits), "texts": {"context": context, "data": data}}

    def describe_fit(self, fit: Mapping[str, Any]) -> Sequence[str]:
        """Lines of Markdown on sizes, normalisation and lengths."""
        return (*describe_images(fit), *describe_lengths(fit["texts"], "## Texts"))

    def frozen_images(self, model: Any) -> "Callable[[Any, Batch], torch.Tensor] | None":
        """The image tower, where it is locked; its projection may be trained."""
        tower = getattr(model, "vision_model", None)
        trained = tower is None or any(one.requires_grad for one in tower.parameters())
        return None if trained else tower_outputs

    def memory_probe(self, processor: DualProcessor, rows: "Dataset") -> MemoryProbe:
        """Some images and all their texts: all take the same memory."""
        count = min(len(rows), PROBE_ROWS)
        return MemoryProbe(self.batch(processor, [rows[index] for index in range(count)]), count, 1)
