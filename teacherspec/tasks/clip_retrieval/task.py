"""Dual encoders (CLIP, SigLIP) that find the text of an image and the image of a text.

A row as `prepare` stores it: `{"id": "d-0001", "image": b"\\x89PNG…", "text": "A tower of two blocks."}`.
An image may come in several rows, with a text each; so may a text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from teacherspec.metrics.scores.retrieval import RECALLED
from teacherspec.spec.augmentation import Augmentation
from teacherspec.tasks.clip_retrieval.caption_dataset import (
    CaptionedImages,
    TrainingCaptions,
    collate_captioned,
    numbered,
)
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn
from teacherspec.tasks.shared.dual_encoder_model import (
    TEXT_INPUTS,
    DualProcessor,
    class_logits,
    embed_images,
    embed_texts,
    load_processor,
)
from teacherspec.tasks.shared.dual_encoder_task import REPORT_ROWS, DualEncoderTask
from teacherspec.tasks.shared.high_bit_images import IntensityRange, as_given
from teacherspec.tasks.shared.image_dataset import pixel_values
from teacherspec.tasks.shared.image_decoding import decode
from teacherspec.tasks.shared.interfaces.capabilities import Pairs, RetrievalInputs
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.model import Batch, Row
from teacherspec.tasks.shared.interfaces.packaging import UsageSnippet

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch
    from datasets import Dataset

IMAGE, TEXT = ImageColumn("image"), TextColumn("text")
IMAGES, TEXTS = "image_embeds", "text_embeds"
CANDIDATE_SET_SIZE = 100
"""Candidates among which one is right, at most, where probabilities are measured."""


class ClipRetrieval(DualEncoderTask, RetrievalInputs):
    """Embed images and the texts that belong to them near each other."""

    output_type: ClassVar[OutputType] = "retrieval"
    hub_task: ClassVar[str] = "feature-extraction"
    selection_metrics: ClassVar[Mapping[str, bool]] = {
        "nll": False, "accuracy": True, **{f"recall_at_{k}": True for k in RECALLED},
    }  # fmt: skip

    kind: Literal["clip_retrieval"]
    """The kind of task; also the name of the module that implements it."""

    intensity_range: IntensityRange | None = None
    """Values of images of more than 8 bits a channel that become black and white, such as `{high: 4095}` for
    12 bits in files of 16; omit for the range of their type. Images of 8 bits stay as they are."""

    def usage_snippet(self) -> UsageSnippet:
        """Embeddings of images and texts, and the logits of every combination."""
        return UsageSnippet(
            "import torch\nfrom PIL import Image\nfrom transformers import AutoModel, AutoProcessor\n",
            (
                'processor = AutoProcessor.from_pretrained("model", backend="pil")\n'
                'model = AutoModel.from_pretrained("model").eval()\n'
                f'images = [Image.new("RGB", (64, 64))]  # {as_given(self.intensity_range)}\n'
                'texts = ["a text of yours", "another one"]\n'
                "batch = processor(\n"
                '    text=texts, images=images, padding="max_length", truncation=True,\n'
                f'    max_length={self.max_length}, return_tensors="pt",\n'
                ")\n"
                "with torch.inference_mode():\n"
                "    out = model(**batch)\n"
                "    image_embeds, text_embeds = out.image_embeds, out.text_embeds  # of length 1\n"
                "    logits = out.logits_per_image  # of every text for each image\n"
            ),
        )

    @property
    def _image(self) -> ImageColumn:
        return replace(IMAGE, intensities=self.intensity_range)

    def row_schema(self) -> RowSchema:
        """An image, which alone decides the split so that all its texts stay together, and a text."""
        return RowSchema(content=(self._image,), answers=(TEXT,))

    def tokenizer_probe_texts(self, rows: "Dataset") -> list[str]:
        """The texts of the rows."""
        return [str(text) for text in rows[TEXT.name]]

    def processor_for(self, folder: Path, names: Sequence[str]) -> DualProcessor:
        """The processor without classes. Raises `BaseModelError`."""
        return load_processor(folder, self.max_length)

    def report_texts(
        self,
        processor: DualProcessor,
        splits: "Mapping[str, Dataset]",
    ) -> Mapping[str, Sequence[str]]:
        """The texts of each split."""
        return {
            name: self.tokenizer_probe_texts(rows.select(range(min(len(rows), REPORT_ROWS))))
            for name, rows in splits.items()
        }

    def encode(self, processor: DualProcessor, rows: "Dataset") -> CaptionedImages:
        """Images, decoded on access, with their texts, and numbers that are equal for equal ones."""
        return CaptionedImages(processor, rows, numbered(rows, (IMAGE, TEXT)))

    def encode_training(
        self,
        processor: DualProcessor,
        rows: "Dataset",
        label_names: Sequence[str],
        augmentation: Augmentation | None,
        seed: int,
    ) -> TrainingCaptions:
        """The same, augmented."""
        return TrainingCaptions(processor, rows, numbered(rows, (IMAGE, TEXT)), augmentation, seed)

    def collate(self, processor: DualProcessor) -> Callable[[list[Mapping[str, Any]]], Batch]:
        """Stack images and texts, which have one length."""
        return collate_captioned

    def batch(self, processor: DualProcessor, rows: Sequence[Row]) -> Batch:
        """Rows of requests or as stored. Raises `ColumnError`."""
        texts = self.text_inputs(processor, [row[TEXT.name] for row in rows])
        return {**self.image_inputs(processor, [row[IMAGE.name] for row in rows]), **texts}

    def image_inputs(self, processor: DualProcessor, images: Sequence[Any]) -> Batch:
        """Images of requests or as stored, both as bytes. Raises `ColumnError`."""
        decoded = [decode(self._image.read(image)) for image in images]
        return {"pixel_values": pixel_values(processor.images, decoded)}

    def text_inputs(self, processor: DualProcessor, texts: Sequence[Any]) -> Batch:
        """The tokens of texts. Raises `ColumnError`."""
        return processor.tokens([TEXT.read(text) for text in texts])

    def outputs(self, model: Any, batch: Batch) -> "Mapping[str, torch.Tensor]":
        """Embeddings `[B, D]`, the factor of their cosines, and `logits` `[B, B]` of every text by image."""
        images, texts = self.embed(model, batch)
        logits = class_logits(model, images, texts)
        return {"logits": logits, IMAGES: images, TEXTS: texts, "logit_scale": model.logit_scale.exp()}

    def embed(self, model: Any, batch: Batch) -> "tuple[torch.Tensor, torch.Tensor]":
        """Images and texts of a batch, `[B, D]` of length 1 each."""
        tokens = {name: batch[name] for name in TEXT_INPUTS if name in batch}
        return embed_images(model, batch), embed_texts(model, tokens)

    def logits(self, model: Any, batch: Batch) -> "torch.Tensor":
        """`[B, B]`, see `outputs`."""
        return self.outputs(model, batch)["logits"]

    def golden_outputs(self, model: Any, batch: Batch) -> "Mapping[str, torch.Tensor]":
        """Logits and both embeddings."""
        outputs = self.outputs(model, batch)
        return {name: outputs[name] for name in ("logits", IMAGES, TEXTS)}

    def pair_embeddings(self, model: Any, batch: Batch) -> Pairs:
        """The embeddings of images and texts of a batch."""
        return Pairs(*self.embed(model, batch), batch["input_ids"], batch["image_keys"])

    def validation_outputs(
        self, outputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor"
    ) -> "torch.Tensor":
        """Embeddings `[B, 2, D]`, those of images times the factor of the cosines."""
        import torch

        return torch.stack([outputs["logit_scale"] * outputs[IMAGES], outputs[TEXTS]], dim=1)

    def measure(
        self, outputs: "npt.NDArray[np.float32]", labels: "npt.NDArray[np.int64]"
    ) -> dict[str, float]:
        """Recall at k over the whole split, mean of both directions; NLL and accuracy of candidate sets."""
        from teacherspec.metrics.scores.retrieval import (
            Paired,
            candidate_sets,
            image_to_text,
            largest_candidate_set,
        )
        from teacherspec.tasks.shared.classification_task import measure

        pairs = Paired(outputs[:, 0], outputs[:, 1], labels[:, 0], labels[:, 1])
        ranks = [image_to_text(queries) for queries in (pairs, pairs.swapped())]
        recalls = {f"recall_at_{k}": float(np.mean([one.recall(k) for one in ranks])) for k in RECALLED}
        size = min(CANDIDATE_SET_SIZE, largest_candidate_set(pairs))
        both = np.concatenate([candidate_sets(queries, size, 0) for queries in (pairs, pairs.swapped())])
        of_candidates = measure(both.astype(np.float32), np.full(len(both), size - 1))
        return {"nll": of_candidates["nll"], "accuracy": of_candidates["accuracy"], **recalls}
