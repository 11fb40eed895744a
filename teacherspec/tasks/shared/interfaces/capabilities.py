"""Optional interfaces: what only some kinds of task can do. `Kind.capability` tells whether one can."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from teacherspec.spec.augmentation import Augmentation
from teacherspec.tasks.shared.interfaces.model import Batch, Row

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

    from teacherspec.splits import Split


class LossTerms(NamedTuple):
    """What a loss sums over.

    Attributes:
        logits: `[U, C]`.
        labels: `[U]` class indices (`-100` is ignored), or `[U, C]` probabilities.
        weights: `[U]` of the terms, or None where all weigh 1.
    """

    logits: "torch.Tensor"
    labels: "torch.Tensor"
    weights: "torch.Tensor | None" = None


class SupervisedLoss(ABC):
    """Kinds with a label for each row or token: cross-entropy and focal loss."""

    @abstractmethod
    def loss_terms(self, outputs: Mapping[str, "torch.Tensor"], labels: "torch.Tensor") -> LossTerms:
        """The terms of the training loss, from the model's outputs and the labels of a batch.

        The loss is summed over terms and divided by the labels of the whole step that are not `-100`.
        """


class RowLosses(ABC):
    """Kinds with a loss of their own for each row, in place of one over classes."""

    @abstractmethod
    def row_losses(self, outputs: Mapping[str, "torch.Tensor"], labels: "torch.Tensor") -> "torch.Tensor":
        """Losses `[B]`, from the model's outputs and the labels of a batch."""


class Pairs(NamedTuple):
    """Images and the texts that belong to them, embedded in one space.

    Attributes:
        images: `[B, D]` of length 1.
        texts: `[B, D]` of length 1.
        keys: `[B, L]` integers; texts with equal keys are the same text.
        image_keys: `[B]` integers, equal where images are; None where no image has several texts.
    """

    images: "torch.Tensor"
    texts: "torch.Tensor"
    keys: "torch.Tensor"
    image_keys: "torch.Tensor | None" = None


class PairEmbeddings(ABC):
    """Kinds of image-text pairs: contrastive losses over all pairs of a step."""

    @abstractmethod
    def pair_embeddings(self, model: Any, batch: Batch) -> Pairs:
        """The embedded pairs of a training batch."""


@dataclass(frozen=True)
class TrainableParts:
    """The parts of a model that can be trained or frozen separately; none where there is only a backbone.

    Attributes:
        modules: name of a part → full names of its modules.
        frozen: parts of a pre-trained base that are frozen unless declared otherwise.
        adapted: the part whose linear layers get low-rank updates; None for the whole backbone.
    """

    modules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    adapted: str | None = None


class SeparateParts(ABC):
    """Kinds whose model has named parts, such as vision tower, projector and language model."""

    @abstractmethod
    def parts(self, model: Any) -> TrainableParts:
        """The parts of a model.

        Raises:
            BaseModelError: the model has no such parts.
        """


class FrozenFeatures(ABC):
    """Kinds whose base can be measured untrained by a linear probe."""

    @abstractmethod
    def features(self, model: Any, batch: Batch) -> "torch.Tensor":
        """Features `[B, H]` of the frozen backbone."""

    def layer_features(self, model: Any, batch: Batch) -> "torch.Tensor":
        """The same of several layers, `[B, L, H]`: those as wide as the last one, which comes last."""
        return self.features(model, batch).unsqueeze(1)


class FrozenImages(ABC):
    """Kinds whose images may pass a part of the model in which nothing is trained, computed once then."""

    @abstractmethod
    def frozen_images(self, model: Any) -> "Callable[[Any, Batch], torch.Tensor] | None":
        """From model and `pixel_values` to `[B, H]`, which a batch may hold as `FEATURES` in their place.

        None where a part that reads pixels is trained.
        """


class PromptedClasses(ABC):
    """Kinds whose classes are texts, so that a base may give two of them the same embedding."""

    @abstractmethod
    def check_classes(self, model: Any, processor: Any, rows: "Dataset") -> None:
        """Refuse a base that gives two classes the same embedding.

        Args:
            model: the base.
            processor: of the model, after `cache_shared_inputs`.
            rows: prepared rows, for the prompts of some of them where rows have their own.

        Raises:
            BaseModelError: with the cause, each pair of classes a line.
        """


class EmbeddedClasses(ABC):
    """Kinds whose logits are cosines of a row's embedding with embeddings of the classes."""

    @abstractmethod
    def logits_and_embeddings(self, model: Any, batch: Batch) -> "torch.Tensor":
        """Logits and embeddings of a batch, side by side: `[B, C + D]`."""

    @abstractmethod
    def class_space(self, model: Any, processor: Any) -> "tuple[torch.Tensor, float] | None":
        """Embeddings `[C, D]` of the classes and the factor of the cosines; None where each row has its own.

        Args:
            model: in eval mode.
            processor: of the model, after `cache_shared_inputs`.
        """


class RecordedViews(ABC):
    """Kinds whose training images can be recorded as augmented views with the teacher's logits."""

    @abstractmethod
    def write_views(
        self, path: Path, model: Any, processor: Any, rows: "Dataset", augmentation: Augmentation, seed: int
    ) -> None:
        """Write views of the training rows, with the model's logits on each, as the Parquet file `path`."""


class RetrievalInputs(ABC):
    """Kinds that embed images and texts separately, so that each can be searched by the other."""

    @abstractmethod
    def image_inputs(self, processor: Any, images: Sequence[Any]) -> Batch:
        """Model inputs of images, as bytes. Raises `ColumnError`."""

    @abstractmethod
    def text_inputs(self, processor: Any, texts: Sequence[Any]) -> Batch:
        """Model inputs of texts. Raises `ColumnError`."""


class ExtraTargets(ABC):
    """Kinds with soft targets besides those of their output type."""

    @abstractmethod
    def write_extra_targets(self, model: Path, splits: "Sequence[Split]", target: Path) -> None:
        """Write them into `distill/`.

        Args:
            model: the packaged model folder.
            splits: whose rows are declared as soft targets.
            target: the folder `distill/`.
        """

    @abstractmethod
    def check_extra_targets(
        self, model: Any, processor: Any, split: str, rows: Sequence[Row], target: Path
    ) -> Iterator[str]:
        """Differences between the stored targets of rows and the outputs of the model, as messages.

        Args:
            model: as packaged.
            processor: of the model.
            split: name of a split in `distill/`.
            rows: some of its rows with their content, as packaged.
            target: the folder `distill/`.
        """
