"""Vision-language models such as LLaVA: images, a conversation about them, and its answer.

A row as `prepare` stores it: `{"id": …, "images": [b"\\x89PNG…"], "prompt": "How many boxes are there?",
"completion": ["three"]}`, or in another row format of `causal_lm`, with a column of images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from teacherspec.errors import BaseModelError
from teacherspec.tasks.shared.columns.image_list import ImageListColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.conversation_task import ConversationTask
from teacherspec.tasks.shared.high_bit_images import IntensityRange, as_given
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary
from teacherspec.tasks.shared.interfaces.capabilities import SeparateParts, TrainableParts
from teacherspec.tasks.shared.interfaces.model import ModelInit, Row
from teacherspec.tasks.shared.interfaces.packaging import UsageSnippet
from teacherspec.tasks.vision_language import vlm_processor
from teacherspec.tasks.vision_language.image_token_report import describe_image_tokens, image_token_report
from teacherspec.tasks.vision_language.insert_images import insert_images
from teacherspec.text.conversation import Conversation
from teacherspec.text.tokenization import Encoder

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from transformers import PreTrainedModel

IMAGES = ImageListColumn("images")


class VisionLanguage(ConversationTask, SeparateParts):
    """Generate answers about images; only answers and the token that ends them are supervised.

    Examples are not packed: each takes its own row of a batch, grouped by length.
    """

    hub_task: ClassVar[str] = "image-text-to-text"
    auto_class: ClassVar[str] = "AutoModelForImageTextToText"
    decodes_images: ClassVar[bool] = True
    packs: ClassVar[bool] = False
    image_columns: ClassVar[tuple[str, ...]] = (IMAGES.name,)

    kind: Literal["vision_language"]
    """The kind of task; also the name of the module that implements it."""

    intensity_range: IntensityRange | None = None
    """Values of images of more than 8 bits a channel that become black and white, such as `{high: 4095}` for
    12 bits in files of 16; omit for the range of their type. Images of 8 bits stay as they are."""

    def usage_snippet(self) -> UsageSnippet:
        """Logits of the token after an image."""
        return UsageSnippet(
            (
                "import torch\nfrom PIL import Image\n"
                "from transformers import AutoModelForImageTextToText, AutoProcessor\n"
            ),
            (
                'processor = AutoProcessor.from_pretrained("model")\n'
                'model = AutoModelForImageTextToText.from_pretrained("model").eval()\n'
                f'image = Image.new("RGB", (64, 64))  # {as_given(self.intensity_range)}\n'
                "prompt = processor.image_token  # where the image is shown in your prompt\n"
                'batch = processor(images=[image], text=[prompt], return_tensors="pt")\n'
                'batch.pop("token_type_ids", None)\n'
                "with torch.inference_mode():\n"
                "    logits = model(**batch).logits[:, -1]  # of the next token\n"
            ),
        )

    def load_processor(self, folder: Path) -> Any:
        """The base's processor of images and text. Raises `BaseModelError`."""
        return vlm_processor.load_processor(folder, self.max_length)

    def tokenizer(self, processor: Any) -> Any:
        """The processor's tokenizer."""
        return processor.tokenizer

    def declare_template(self, processor: Any, template: str) -> None:
        """Make a chat template that of the processor and of its tokenizer."""
        processor.chat_template = processor.tokenizer.chat_template = template

    def image_placeholder(self, processor: Any) -> str | None:
        """Text that a chat template writes for an image."""
        return vlm_processor.image_text(processor).placeholder

    def encoder(self, processor: Any) -> Encoder:
        """From conversations with images to token ids. Raises `BaseModelError`."""
        frame, images = self.row_format().frame, vlm_processor.image_text(processor)
        renderer = self.rendering.renderer(processor.tokenizer, frame, self.thoughts, images.placeholder)
        return Encoder(processor.tokenizer, renderer, self.max_length, self.over_long, images)

    def conversation(self, row: Row) -> Conversation:
        """The conversation in a row with its images in place. Raises `DataError`."""
        return insert_images(super().conversation(row), row[IMAGES.name])

    @property
    def _images(self) -> ImageListColumn:
        return replace(IMAGES, intensities=self.intensity_range)

    def row_schema(self) -> RowSchema:
        """The images and the prompt, which decide the split of a row, and the answers."""
        schema = super().row_schema()
        return replace(schema, content=(self._images, *schema.content))

    def from_request(self, row: Row) -> Row:
        """A row sent for inference, an image as the bytes of a file or its path. Raises `ColumnError`."""
        return {**row, IMAGES.name: self._images.from_request(row[IMAGES.name])}

    def vision_inputs(self, processor: Any, images: Sequence[bytes]) -> "Mapping[str, torch.Tensor]":
        """`pixel_values` and the inputs that go with them."""
        return vlm_processor.vision_inputs(processor, images)

    def _load(self, folder: Path, start: ModelInit) -> "tuple[PreTrainedModel, Any]":
        model, processor = super()._load(folder, start)
        vlm_processor.check_supported(folder, model, processor)
        return model, processor

    def parts(self, model: Any) -> TrainableParts:
        """Vision tower, projector (all between the two) and language model, its head included.

        As in the second stage of LLaVA's training (Liu et al. 2023, section 4.2) the tower is frozen.
        """
        names = {id(module): name for name, module in model.named_modules()}
        tower, decoder = model.get_encoder(modality="image"), model.get_decoder()
        if tower in (model, model.base_model) or decoder in (model, model.base_model):
            raise BaseModelError(
                f"base: {type(model).__name__} has no vision tower and language model of its own; choose a "
                "base of the LLaVA family"
            )
        between = [child for child in model.base_model.children() if child not in (tower, decoder)]
        heads = [child for child in model.children() if child is not model.base_model]
        return TrainableParts(
            {
                "vision_tower": (names[id(tower)],),
                "projector": tuple(names[id(module)] for module in between),
                "language_model": tuple(names[id(module)] for module in (decoder, *heads)),
            },
            frozen=("vision_tower",),
            adapted="language_model",
        )

    def fit_report(
        self, processor: Any, splits: "Mapping[str, Dataset]", backbone: BaseSummary
    ) -> dict[str, Any]:
        """The report of `causal_lm`, and the image tokens of each split. Raises `DataError`."""
        report = super().fit_report(processor, splits, backbone)
        expansion, tokenizer = vlm_processor.image_text(processor).expansion, processor.tokenizer
        return {**report, "image_tokens": image_token_report(splits, IMAGES.name, expansion, tokenizer)}

    def describe_fit(self, fit: Mapping[str, Any]) -> Sequence[str]:
        """Lines of Markdown on lengths, supervised tokens and images."""
        return (*super().describe_fit(fit), *describe_image_tokens(fit))
