"""Kinds of task that generate text: what the stages need of them besides the interfaces of every kind."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import Row
from teacherspec.text.conversation import Conversation
from teacherspec.text.tokenization import Encoder

if TYPE_CHECKING:
    import torch


class GenerationTask(Kind):
    """A kind of the output type `generation`."""

    output_type: ClassVar[OutputType] = "generation"

    image_columns: ClassVar[tuple[str, ...]] = ()
    """Columns of images that stay with the tokens of an encoded row; a batch is made of both."""

    max_length: int
    """Longest conversation in tokens, special tokens and answer included."""

    @abstractmethod
    def load_processor(self, folder: Path) -> Any:
        """The processor in a model folder. Raises `BaseModelError`."""

    @abstractmethod
    def load_base_processor(self, folder: Path) -> Any:
        """The processor of a base as fine-tuning starts with it. Raises `BaseModelError`."""

    def tokenizer(self, processor: Any) -> Any:
        """The tokenizer: the processor itself, or a part of it."""
        return processor

    @abstractmethod
    def encoder(self, processor: Any) -> Encoder:
        """From conversations to token ids. Raises `BaseModelError`."""

    @abstractmethod
    def conversation(self, row: Row) -> Conversation:
        """The conversation in a row. Raises `DataError` where images and text do not match."""

    @property
    def learns_thoughts(self) -> bool:
        """Whether answers begin with a thought that is not compared with references."""
        return False

    def reply(self, text: str, *, opened: bool = False) -> str:
        """What of a generated text is compared with references.

        Args:
            text: as generated.
            opened: whether the prompt already opened a thought.
        """
        return text

    def from_request(self, row: Row) -> Row:
        """A row sent for inference, with its images as `prepare` stores them. Raises `ColumnError`."""
        return row

    def vision_inputs(self, processor: Any, images: Sequence[bytes]) -> "Mapping[str, torch.Tensor]":
        """Inputs of a model besides tokens, from the images of a batch in the order of its rows."""
        return {}
