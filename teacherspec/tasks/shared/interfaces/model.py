"""Loading a model and running it on encoded rows: what every stage with a model needs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from transformers import PreTrainedModel

    from teacherspec.spec.base import Base, Init, Pooling

Batch = Mapping[str, "torch.Tensor"]
"""One padded batch by name of the model's input, as a collate function makes it."""

Row = Mapping[str, Any]
"""One row with the columns of the task."""


@dataclass(frozen=True)
class ModelInit:
    """How a base becomes the model to train.

    Attributes:
        dropout: probability for every dropout of the architecture, or None to keep the base's own.
        pooling: `params.yaml: base.pooling`.
        init: `params.yaml: base.init`.
    """

    dropout: float | None = None
    pooling: "Pooling" = "first"
    init: "Init" = "pretrained"


def model_init(base: "Base", dropout: float | None = None) -> ModelInit:
    """How the declared base becomes the model to train; `dropout` None keeps the base's own probability."""
    return ModelInit(dropout, base.pooling, base.init)


class ModelLoading(ABC):
    """How model and processor are loaded."""

    @abstractmethod
    def load_base(
        self, folder: Path, label_names: Sequence[str], start: ModelInit
    ) -> "tuple[PreTrainedModel, Any]":
        """The model to train, float32 and in eval mode, and its processor.

        New parameters are drawn from torch's global generator: seed it before.

        Raises:
            BaseModelError: the base does not load for this task.
        """

    @abstractmethod
    def load(self, folder: Path) -> "tuple[PreTrainedModel, Any]":
        """A fine-tuned model as saved, in eval mode, and its processor. Raises `BaseModelError`."""


class Inference(ModelLoading):
    """From rows to logits."""

    decodes_images: ClassVar[bool] = False
    """Whether examples take time to decode, so that worker processes should load them."""

    @abstractmethod
    def encode(self, processor: Any, rows: "Dataset") -> Any:
        """Rows → a map-style data set of model inputs with `labels`, in the order of the rows.

        It may be lazy: examples are read one by one, by index.
        """

    def lengths(self, encoded: Any) -> Sequence[int] | None:
        """Length of each encoded example, by which batches are grouped; None where all are equal."""
        return None

    def row_lengths(self, processor: Any, rows: Sequence[Row]) -> Sequence[int] | None:
        """Length of each raw row, by which batches are grouped in serving; None where all are equal."""
        return None

    @abstractmethod
    def collate(self, processor: Any) -> Callable[[list[Mapping[str, Any]]], Batch]:
        """A function from encoded examples to one batch."""

    def cache_shared_inputs(self, model: Any, processor: Any) -> Any:
        """The processor for a model whose weights do not change: what all batches share is computed once.

        Args:
            model: in eval mode.
            processor: of the model.
        """
        return processor

    def logits(self, model: Any, batch: Batch) -> "torch.Tensor":
        """Logits of a batch without labels: for `classification`, `[B, C]` at temperature 1."""
        logits: torch.Tensor = model(**batch).logits
        return logits

    @abstractmethod
    def batch(self, processor: Any, rows: Sequence[Row]) -> Batch:
        """Raw rows → model inputs as one batch, as in serving, golden outputs and latency."""
