"""What all kinds share whose model is an image model with a new head that reads one image of a row."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from teacherspec.errors import BaseModelError
from teacherspec.spec.augmentation import Augmentation
from teacherspec.tasks.shared import hf_loading
from teacherspec.tasks.shared.high_bit_images import IntensityRange, as_given
from teacherspec.tasks.shared.image_dataset import (
    FEATURES,
    ImageExamples,
    TrainingImages,
    collate_images,
    pixel_values,
)
from teacherspec.tasks.shared.image_decoding import decode
from teacherspec.tasks.shared.image_report import check_processor, describe_images, images_report
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary, MemoryProbe
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures, FrozenImages
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import Batch, ModelInit, Row
from teacherspec.tasks.shared.interfaces.packaging import UsageSnippet
from teacherspec.tasks.shared.model_head import has_base_model, head_inputs, is_within, last_layer
from teacherspec.tasks.shared.processor_probe import probe_images

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from transformers import PreTrainedModel

PROBE_ROWS = 2


class ImageModelTask(Kind, FrozenImages, FrozenFeatures):
    """A kind whose rows hold one `image`, read by an image model with a new head."""

    if TYPE_CHECKING:
        intensity_range: IntensityRange | None

    hub_task: ClassVar[str] = "image-classification"
    decodes_images: ClassVar[bool] = True
    augments_images: ClassVar[bool] = True

    problem_type: ClassVar[str] = "single_label_classification"
    """What transformers calls tasks of such heads."""

    def given_labels(self, row: Mapping[str, Any]) -> Any:
        """What is given of the label of a row, for the model input `labels`."""
        return row["label"]

    def tokenizer_probe_texts(self, rows: "Dataset") -> list[str]:
        """None: there is no tokenizer."""
        return []

    def probe_processor(self, folder: Path, rows: "Dataset") -> Iterator[str]:
        """Images of the extreme shapes through the processor."""
        return probe_images(hf_loading.load_image_processor(folder), rows["image"])

    def check_base(self, folder: Path, backbone: BaseSummary) -> None:
        """Refuse an image processor whose outputs do not fit the model. Raises `BaseModelError`."""
        check_processor(folder, hf_loading.load_image_processor(folder))

    def load_base(
        self, folder: Path, label_names: Sequence[str], start: ModelInit
    ) -> "tuple[PreTrainedModel, Any]":
        """A base with a new head of `len(label_names)` outputs, float32, and its image processor.

        New parameters are drawn from torch's global generator: seed it before. Raises `BaseModelError`.
        """
        from transformers import AutoModelForImageClassification

        if start.pooling != "first":
            raise BaseModelError("base.pooling: is for encoders of text; drop it")
        config = hf_loading.load_config(folder, label_names, start.dropout)
        config.problem_type = self.problem_type
        model = hf_loading.start_model(AutoModelForImageClassification, folder, config, start)
        return model, hf_loading.load_image_processor(folder)

    def load(self, folder: Path) -> "tuple[PreTrainedModel, Any]":
        """A fine-tuned model as saved, with its head, and its image processor. Raises `BaseModelError`."""
        from transformers import AutoModelForImageClassification

        config = hf_loading.load_config(folder, None, None)
        model = hf_loading.load_weights(AutoModelForImageClassification, folder, config, new_head=False)
        return model, hf_loading.load_image_processor(folder)

    def encode(self, processor: Any, rows: "Dataset") -> ImageExamples:
        """Images, decoded on access."""
        return ImageExamples(processor, rows, self.given_labels)

    def encode_training(
        self,
        processor: Any,
        rows: "Dataset",
        label_names: Sequence[str],
        augmentation: Augmentation | None,
        seed: int,
    ) -> ImageExamples:
        """Images, decoded and augmented on access."""
        if augmentation is None:
            return self.encode(processor, rows)
        return TrainingImages(processor, rows, augmentation, len(label_names), seed, self.given_labels)

    def collate(self, processor: Any) -> Callable[[list[Mapping[str, Any]]], Batch]:
        """Stack images, which have one size."""
        return collate_images

    def batch(self, processor: Any, rows: Sequence[Row]) -> Batch:
        """Images of requests or as stored, both as bytes: the same checks, the same pixels.

        Raises `ColumnError`.
        """
        (field,) = self.row_schema().content
        images = [decode(field.read(row["image"])) for row in rows]
        return {"pixel_values": pixel_values(processor, images)}

    def usage_snippet(self) -> UsageSnippet:
        """Logits of an image."""
        return UsageSnippet(
            (
                "import torch\nfrom PIL import Image\n"
                "from transformers import AutoImageProcessor, AutoModelForImageClassification\n"
            ),
            (
                'processor = AutoImageProcessor.from_pretrained("model", backend="pil")\n'
                'model = AutoModelForImageClassification.from_pretrained("model").eval()\n'
                f'image = Image.new("RGB", (64, 64))  # {as_given(self.intensity_range)}\n'
                'batch = processor([image], return_tensors="pt")\n'
                "with torch.inference_mode():\n"
                "    logits = model(**batch).logits\n"
            ),
        )

    def outputs(self, model: Any, batch: Batch) -> "Mapping[str, torch.Tensor]":
        """All outputs of the model; of features the logits alone."""
        if FEATURES not in batch:
            return super().outputs(model, batch)
        return {"logits": model.get_submodule(last_layer(model))(batch[FEATURES])}

    def frozen_images(self, model: Any) -> "Callable[[Any, Batch], torch.Tensor] | None":
        """What the last layer reads, where nothing else is trained."""
        trained = [name for name, one in model.named_parameters() if one.requires_grad]
        head = [last_layer(model)] if trained else []
        return self.features if all(is_within(name, head) for name in trained) else None

    def features(self, model: Any, batch: Batch) -> "torch.Tensor":
        """Frozen features `[B, H]`: what the head reads, so that a linear probe is the head's own start.

        Each architecture pools in its way: ViT takes the class token, DINOv2 that and the mean of patches,
        ResNet the mean over positions.
        """
        return head_inputs(model, batch["pixel_values"])[0]

    def layer_features(self, model: Any, batch: Batch) -> "torch.Tensor":
        """The features, and before them the means of the hidden states that are as wide, `[B, L, H]`."""
        import torch

        if not has_base_model(model):
            return super().layer_features(model, batch)
        last, outputs = head_inputs(model, batch["pixel_values"], output_hidden_states=True)
        means = [_mean(hidden) for hidden in (outputs.get("hidden_states") or ())[:-1]]
        return torch.stack([*(part for part in means if part.shape == last.shape), last], dim=1)

    def fit_report(
        self, processor: Any, splits: "Mapping[str, Dataset]", backbone: BaseSummary
    ) -> dict[str, Any]:
        """The model's input, and the sizes of each split's images."""
        return images_report(processor, splits)

    def describe_fit(self, fit: Mapping[str, Any]) -> Sequence[str]:
        """Lines of Markdown on sizes and normalisation."""
        return tuple(describe_images(fit))

    def memory_probe(self, processor: Any, rows: "Dataset") -> MemoryProbe:
        """Some images: all take the same memory."""
        count = min(len(rows), PROBE_ROWS)
        return MemoryProbe(self.batch(processor, [rows[index] for index in range(count)]), count, 1)


def _mean(hidden: "torch.Tensor") -> "torch.Tensor":
    """`[B, H]` of hidden states `[B, L, H]` or `[B, H, height, width]`."""
    return hidden.mean(1) if hidden.ndim == 3 else hidden.mean((2, 3))
