"""Kinds of task that answer in words: what the rooms need of them beside the common verbs."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from teacherspec.tasks.base import Kind, OutputType, Row
from teacherspec.text.conversation import Conversation
from teacherspec.text.tokenization import Encoder

if TYPE_CHECKING:
    import torch


class Answering(Kind):
    """A kind whose predictions are of the form `generation`."""

    output_type: ClassVar[OutputType] = "generation"

    shown: ClassVar[tuple[str, ...]] = ()
    """Columns of a row that stay beside its tokens, such as images; a batch is made of both."""

    max_length: int
    """Longest conversation in tokens, special tokens and answer included."""

    @abstractmethod
    def load_processor(self, folder: Path) -> Any:
        """The processor in a model folder. Raises `BaseModelError`."""

    def tokenizer(self, processor: Any) -> Any:
        """What makes tokens of text: the processor itself, or a part of it."""
        return processor

    @abstractmethod
    def encoder(self, processor: Any) -> Encoder:
        """From conversations to token ids. Raises `BaseModelError`."""

    @abstractmethod
    def conversation(self, row: Row) -> Conversation:
        """What is said in a row. Raises `DataError` where images and text do not fit each other."""

    def from_request(self, row: Row) -> Row:
        """A row as it comes from outside, with its images as `prepare` stores them. Raises `ColumnError`."""
        return row

    def vision_inputs(self, processor: Any, images: Sequence[bytes]) -> "Mapping[str, torch.Tensor]":
        """Inputs of a model besides tokens: what it sees of the images of a batch, in the order of rows."""
        return {}
