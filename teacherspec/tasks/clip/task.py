"""Dual encoders (CLIP, SigLIP) as zero-shot classifiers: the class whose prompts are nearest to an image.

A row as `prepare` stores it: `{"id": "d-0001", "image": b"\\x89PNG…", "label": 3}`; where the templates name
columns, those texts too: `{"image": …, "sentence": "There is a blue tower.", "label": 1}`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field as Param
from pydantic import model_validator

from teacherspec.errors import BaseModelError
from teacherspec.spec.augmentation import Augmentation
from teacherspec.splits import Split
from teacherspec.tasks.clip.distinct_classes import same_classes
from teacherspec.tasks.clip.embedding_targets import EMBEDDINGS, check_embeddings, write_embeddings
from teacherspec.tasks.clip.prompt_templates import Template, prompts, text_columns
from teacherspec.tasks.shared.classification_task import ClassificationTask
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn
from teacherspec.tasks.shared.dual_encoder_model import (
    PAIR,
    TEXT_INPUTS,
    DualProcessor,
    class_logits,
    embed_classes,
    embed_images,
    embed_texts,
    load_processor,
)
from teacherspec.tasks.shared.dual_encoder_task import REPORT_ROWS, DualEncoderTask
from teacherspec.tasks.shared.high_bit_images import IntensityRange, as_given
from teacherspec.tasks.shared.image_dataset import pixel_values
from teacherspec.tasks.shared.image_decoding import decode
from teacherspec.tasks.shared.image_text_dataset import PairExamples, TrainingPairs, collate_pairs
from teacherspec.tasks.shared.interfaces.capabilities import (
    EmbeddedClasses,
    ExtraTargets,
    Pairs,
    PromptedClasses,
)
from teacherspec.tasks.shared.interfaces.model import Batch, Row
from teacherspec.tasks.shared.interfaces.packaging import UsageSnippet

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

CLASSES = "class_embeds"
"""Name of the embeddings of the classes in a batch that has them already."""


class Clip(DualEncoderTask, ClassificationTask, EmbeddedClasses, ExtraTargets, PromptedClasses):
    """Classify an image by the class whose prompts are nearest to it."""

    hub_task: ClassVar[str] = "zero-shot-image-classification"

    kind: Literal["clip"]
    """The kind of task; also the name of the module that implements it."""

    templates: tuple[Template, ...] = Param(default=("a photo of a {label}.",), min_length=1, max_length=1000)
    """Prompt templates, in which `{label}` is replaced by the words of the class; the embeddings of several
    are averaged. Other names in braces are text columns of the rows, such as `{sentence}`."""

    phrases: dict[str, str] = Param(default_factory=dict)
    """Label name → its words in the templates, where they are not the name itself."""

    intensity_range: IntensityRange | None = None
    """Values of images of more than 8 bits a channel that become black and white, such as `{high: 4095}` for
    12 bits in files of 16; omit for the range of their type. Images of 8 bits stay as they are."""

    @model_validator(mode="after")
    def _phrases_are_of_labels(self) -> Self:
        unknown = sorted(set(self.phrases) - set(self.label_names or self.phrases))
        if unknown:
            raise ValueError(f"phrases: {', '.join(unknown)} is not among label_names")
        class_of: dict[str, str] = {}
        for name in self.label_names or self.phrases:
            words = self.phrases.get(name, name)
            other = class_of.setdefault(words, name)
            if other != name:
                raise ValueError(
                    f"phrases: {other} and {name} have the same words {words!r}; give one others"
                )
        return self

    def usage_snippet(self) -> UsageSnippet:
        """Logits of an image with the declared prompts."""
        row = {column: f"the {column} of your row" for column in text_columns(self.templates)}
        return UsageSnippet(
            "import torch\nfrom PIL import Image\nfrom transformers import AutoModel, AutoProcessor\n",
            (
                'processor = AutoProcessor.from_pretrained("model", backend="pil")\n'
                'model = AutoModel.from_pretrained("model").eval()\n'
                f"templates, phrases, row = {list(self.templates)!r}, {self.phrases!r}, {row!r}\n"
                "names = [name for _, name in sorted(model.config.id2label.items())]\n"
                'words = [{"label": phrases.get(name, name), **row} for name in names]\n'
                "texts = [template.format(**slots) for slots in words for template in templates]\n"
                f'image = Image.new("RGB", (64, 64))  # {as_given(self.intensity_range)}\n'
                "batch = processor(\n"
                '    text=texts, images=[image], padding="max_length", truncation=True,\n'
                f'    max_length={self.max_length}, return_tensors="pt",\n'
                ")\n"
                "with torch.inference_mode():\n"
                "    out = model(**batch)\n"
                "    classes = out.text_embeds.unflatten(0, (len(names), -1)).mean(1)\n"
                "    classes = classes / classes.norm(dim=-1, keepdim=True)\n"
                "    logits = model.logit_scale.exp() * out.image_embeds @ classes.T\n"
                '    logits = logits + getattr(model, "logit_bias", 0)\n'
            ),
        )

    def row_schema(self) -> RowSchema:
        """An image, the texts that templates name, and one of the labels."""
        texts = tuple(TextColumn(column) for column in text_columns(self.templates))
        image = ImageColumn("image", intensities=self.intensity_range)
        return self.labelled_rows((image, *texts))

    def tokenizer_probe_texts(self, rows: "Dataset") -> list[str]:
        """The templates, and the texts of the rows."""
        own = [value for row in rows for value in row.values() if isinstance(value, str)]
        return [*self.templates, *own]

    def processor_for(self, folder: Path, names: Sequence[str]) -> DualProcessor:
        """The processor with the prompts of the classes. Raises `BaseModelError`."""
        shared = None if text_columns(self.templates) else prompts(self.templates, names, self.phrases, {})
        return load_processor(folder, self.max_length).with_classes(names, shared)

    def _own_prompts(self, processor: DualProcessor) -> Callable[[Row], list[str]] | None:
        """A function from a row to its prompts, where rows have their own."""
        if processor.shared is not None:
            return None
        return lambda row: prompts(self.templates, processor.names, self.phrases, row)

    def encode(self, processor: DualProcessor, rows: "Dataset") -> PairExamples:
        """Images, decoded on access, with their own prompts where they have some."""
        return PairExamples(processor, rows, self._own_prompts(processor))

    def encode_training(
        self,
        processor: DualProcessor,
        rows: "Dataset",
        label_names: Sequence[str],
        augmentation: Augmentation | None,
        seed: int,
    ) -> TrainingPairs:
        """The same, augmented, each with a prompt of its class."""

        def class_prompts(row: Row) -> list[str]:
            return prompts(self.templates, [label_names[row["label"]]], self.phrases, row)

        own = self._own_prompts(processor)
        return TrainingPairs(processor, rows, augmentation, seed, own, class_prompts)

    def collate(self, processor: DualProcessor) -> Callable[[list[Mapping[str, Any]]], Batch]:
        """Stack images, and prompts, which have one length."""
        return collate_pairs(processor)

    def batch(self, processor: DualProcessor, rows: Sequence[Row]) -> Batch:
        """Rows of requests or as stored, with the prompts. Raises `ColumnError`."""
        field = self.row_schema().content[0]
        images = [decode(field.read(row["image"])) for row in rows]
        tokens = dict(processor.shared or {})
        if own_prompts := self._own_prompts(processor):
            own = processor.tokens([text for row in rows for text in own_prompts(row)])
            tokens = {name: part.reshape(len(rows), -1, self.max_length) for name, part in own.items()}
        return {"pixel_values": pixel_values(processor.images, images), **tokens}

    def logits(self, model: Any, batch: Batch) -> "torch.Tensor":
        """Cosines `[B, C]` with the classes' prompts times the model's own scale, at temperature 1."""
        return self._logits(model, batch, embed_images(model, batch))

    def _logits(self, model: Any, batch: Batch, images: "torch.Tensor") -> "torch.Tensor":
        classes = batch[CLASSES] if CLASSES in batch else self._classes(model, batch)
        return class_logits(model, images, classes)

    def logits_and_embeddings(self, model: Any, batch: Batch) -> "torch.Tensor":
        """Logits, and embeddings of the images, `[B, C + D]`."""
        import torch

        images = embed_images(model, batch)
        return torch.cat([self._logits(model, batch, images), images], dim=1)

    def class_space(self, model: Any, processor: DualProcessor) -> "tuple[torch.Tensor, float] | None":
        """The embeddings of the prompts that all rows share, and the model's own scale."""
        if processor.shared is None:
            return None
        return processor.shared[CLASSES], model.logit_scale.exp().item()

    def _classes(self, model: Any, batch: Batch) -> "torch.Tensor":
        tokens = {name: batch[name] for name in TEXT_INPUTS if name in batch}
        return embed_classes(model, tokens, len(model.config.id2label))

    def cache_shared_inputs(self, model: Any, processor: DualProcessor) -> DualProcessor:
        """With the embeddings of the classes in place of their prompts, where rows have none of their own."""
        import torch

        if processor.shared is None:
            return processor
        tokens = {name: part.to(model.device) for name, part in processor.shared.items()}
        with torch.no_grad():
            return replace(processor, shared={CLASSES: self._classes(model, tokens).cpu()})

    def check_classes(self, model: Any, processor: DualProcessor, rows: "Dataset") -> None:
        """Refuse classes with the same embedding: of the shared prompts, or of those of the first row."""
        import torch

        row = rows[0]
        texts = prompts(self.templates, processor.names, self.phrases, row)
        with torch.inference_mode():
            if processor.shared is None:
                embeddings = embed_classes(model, processor.tokens(texts), len(processor.names))
            else:
                embeddings = processor.shared[CLASSES]
        if problems := list(same_classes(model, processor, texts, embeddings)):
            raise BaseModelError(problems)

    def features(self, model: Any, batch: Batch) -> "torch.Tensor":
        """Features `[B, D]` of the frozen base: the embeddings of the images."""
        return embed_images(model, batch)

    def outputs(self, model: Any, batch: Batch) -> "Mapping[str, torch.Tensor]":
        """The logits alone."""
        return {"logits": self.logits(model, batch)}

    def pair_embeddings(self, model: Any, batch: Batch) -> Pairs:
        """Embeddings of the images and of the one text that belongs to each."""
        tokens = {name.removeprefix(PAIR): part for name, part in batch.items() if name.startswith(PAIR)}
        images, texts = embed_images(model, batch), embed_texts(model, tokens)
        return Pairs(images, texts, tokens["input_ids"])

    def write_extra_targets(self, model: Path, splits: Sequence[Split], target: Path) -> None:
        """The embeddings from which the logits are computed, in `embeddings/`."""
        write_embeddings(self, *self.load(model), splits, target / EMBEDDINGS)

    def check_extra_targets(
        self, model: Any, processor: DualProcessor, split: str, rows: Sequence[Row], target: Path
    ) -> Iterator[str]:
        """Stored embeddings that differ from those of the model."""
        yield from check_embeddings(self, model, processor, split, rows, target / EMBEDDINGS)

    def report_texts(
        self, processor: DualProcessor, splits: "Mapping[str, Dataset]"
    ) -> Mapping[str, Sequence[str]]:
        """The prompts of the classes, or of each split's rows."""
        own = self._own_prompts(processor)
        if own is None:
            return {"prompts": prompts(self.templates, processor.names, self.phrases, {})}
        some = {name: rows.select(range(min(len(rows), REPORT_ROWS))) for name, rows in splits.items()}
        return {name: [text for row in rows for text in own(row)] for name, rows in some.items()}
