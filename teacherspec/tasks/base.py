"""What a kind of task answers: the verbs through which every stage speaks to it.

A stage never asks which kind it has. What differs between kinds stands behind a verb; what differs between
the forms of predictions (logits of classes, sums over tokens, embeddings) stands in a table of the room,
one entry a form, from which the room takes the entry of `Kind.form`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from teacherspec.spec.augmentation import Augmentation
from teacherspec.spec.base import Base, Init, Pooling
from teacherspec.spec.section import Section
from teacherspec.tasks.columns.row_schema import RowSchema

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from transformers import PreTrainedModel

    from teacherspec.splits import Split

Batch = Mapping[str, "torch.Tensor"]
"""One padded batch by name of the model's input, as a collate function makes it."""

Row = Mapping[str, Any]
"""One row with the columns of the task."""

OutputType = Literal["classification", "generation", "retrieval"]
"""What predictions hold: `classification`, one logit a class and one label a row; `generation`, statistics of
the logits of each supervised token; `retrieval`, the embeddings of the image and the text of a row."""


@dataclass(frozen=True)
class ModelInit:
    """How a base becomes the model to train.

    Attributes:
        dropout: probability for every dropout of the architecture, or None to keep the base's own.
        pooling: `params.yaml: base.pooling`.
        init: `params.yaml: base.init`.
    """

    dropout: float | None = None
    pooling: Pooling = "first"
    init: Init = "pretrained"


def model_init(base: Base, dropout: float | None = None) -> ModelInit:
    """How the declared base becomes the model to train; `dropout` None keeps the base's own probability."""
    return ModelInit(dropout, base.pooling, base.init)


@dataclass(frozen=True)
class BaseSummary:
    """What building a base without its weights shows.

    Attributes:
        architecture: class of the backbone, such as `BertModel`.
        parameters: number of parameters of the backbone.
        context: longest input in tokens, None where the architecture sets no limit.
        embeddings: rows of the token embedding, None where there is none.
        tokens: highest token id of the tokenizer plus one, None without tokenizer.
        unread: tensors of the files that the backbone does not use, sorted.
    """

    architecture: str
    parameters: int
    context: int | None
    embeddings: int | None
    tokens: int | None
    unread: tuple[str, ...]


@dataclass(frozen=True)
class MemoryProbe:
    """A batch of real rows on which the memory of a forward pass is measured.

    Attributes:
        batch: model inputs without labels.
        size: what of the batch activations grow with, such as examples x padded length.
        size_of_largest: the same of the largest example that the declaration allows.
    """

    batch: Batch
    size: int
    size_of_largest: int


class LossTerms(NamedTuple):
    """The terms that a loss sums up: one an example, or one a supervised token.

    Attributes:
        logits: `[N, C]`.
        labels: `[N]` class indices (`-100` counts nowhere), or `[N, C]` probabilities.
        weights: `[N]` of the terms, or None where all weigh 1.
    """

    logits: "torch.Tensor"
    labels: "torch.Tensor"
    weights: "torch.Tensor | None" = None


class Pairs(NamedTuple):
    """Images and the texts that belong to them, in one space.

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


@dataclass(frozen=True)
class TrainableParts:
    """What a model of several parts is made of, so that each can be trained or frozen.

    Attributes:
        modules: name of a part → full names of its modules.
        frozen: parts of a pre-trained base that are not trained unless `freeze` says otherwise.
        adapted: the part whose linear layers get low-rank updates; None for the whole backbone.
    """

    modules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    adapted: str | None = None


class Kind(Section, ABC):
    """A kind of task. Its module, named like its `kind`, derives from this class."""

    output_type: ClassVar[OutputType]
    """Which entry of the rooms' tables measures, reports and packs the predictions."""

    hub_task: ClassVar[str]
    """The task's name on the Hugging Face hub."""

    reader: ClassVar[tuple[str, str]]
    """Program lines for the card: the imports, and from the folder `model` to `logits`."""

    decodes: ClassVar[bool] = False
    """Whether examples take time to make, so that workers should make them beside the training."""

    new_head: ClassVar[bool] = True
    """Whether parameters outside the backbone are drawn anew, and therefore always trained whole."""

    pairs: ClassVar[bool] = False
    """Whether `pair_embeddings` can be asked, for losses over all pairs of a step."""

    selection_metrics: ClassVar[Mapping[str, bool]]
    """What `measure` gives: metric → whether higher is better."""

    @abstractmethod
    def row_schema(self) -> RowSchema:
        """What `prepare` demands of a row."""

    @abstractmethod
    def tokenizer_probe_texts(self, rows: "Dataset") -> list[str]:
        """Texts of the rows on which an untrusted tokenizer is tried; empty where the task has none."""

    @abstractmethod
    def check_base(self, folder: Path, backbone: BaseSummary) -> None:
        """Compare the declaration with what the base can read.

        Raises:
            BaseModelError: the base cannot take inputs as declared.
        """

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

    def parts(self, model: Any) -> TrainableParts:
        """The parts of a model that can be trained apart; none where there is nothing but a backbone.

        Raises:
            BaseModelError: they cannot be told.
        """
        return TrainableParts()

    def cache_shared_inputs(self, model: Any, processor: Any) -> Any:
        """The processor for a model whose weights stay as they are: what all batches share is computed once.

        Args:
            model: in eval mode.
            processor: of the model.
        """
        return processor

    @abstractmethod
    def encode(self, processor: Any, rows: "Dataset") -> Any:
        """Rows → a map-style data set of model inputs with `labels`, in the order of the rows.

        It may be lazy: examples are asked for one by one, by index.
        """

    def encode_training(
        self,
        processor: Any,
        rows: "Dataset",
        label_names: Sequence[str],
        augmentation: Augmentation | None,
        seed: int,
    ) -> Any:
        """The same for the rows that weights are fitted on, where augmentation has its seat.

        A data set with a method `set_epoch` is told the epoch before each pass; what it draws may depend on
        `seed`, the row and the epoch alone, so that a resumed training sees the same.
        """
        return self.encode(processor, rows)

    def write_views(
        self, path: Path, model: Any, processor: Any, rows: "Dataset", augmentation: Augmentation, seed: int
    ) -> None:
        """Record views of the training rows, and what the model says of each, as the Parquet file `path`.

        Asked for where `augmentation.recorded_views` is declared, which only images can be augmented by.
        """
        raise NotImplementedError(f"{type(self).__name__} has no views")

    def write_extra_targets(self, model: Path, splits: "Sequence[Split]", target: Path) -> None:
        """Write further soft targets of rows into `distill/`, beside those of the form; by default none.

        Args:
            model: the packaged model folder.
            splits: whose rows are declared as soft targets.
            target: the folder `distill/`.
        """

    def check_extra_targets(
        self, model: Any, processor: Any, split: str, rows: Sequence[Row], target: Path
    ) -> Iterator[str]:
        """What of the further soft targets the model does not give; by default there are none.

        Args:
            model: as packaged.
            processor: of the model.
            split: name of a split in `distill/`.
            rows: some of its rows with their content, as packed.
            target: the folder `distill/`.
        """
        yield from ()

    def lengths(self, encoded: Any) -> Sequence[int] | None:
        """Length of each encoded example, by which batches are grouped; None where all are alike."""
        return None

    @abstractmethod
    def collate(self, processor: Any) -> Callable[[list[Mapping[str, Any]]], Batch]:
        """A function from encoded examples to one batch."""

    @abstractmethod
    def batch(self, processor: Any, rows: Sequence[Row]) -> Batch:
        """Raw rows → model inputs as one batch; what serving, golden outputs and latency go through."""

    def logits(self, model: Any, batch: Batch) -> "torch.Tensor":
        """What the model says of a batch without labels: for `classification`, `[B, C]` at temperature 1."""
        logits: torch.Tensor = model(**batch).logits
        return logits

    def golden_outputs(self, model: Any, batch: Batch) -> "Mapping[str, torch.Tensor]":
        """All that a package promises of a batch without labels, by name; stored with golden rows."""
        return {"logits": self.logits(model, batch)}

    def outputs(self, model: Any, batch: Batch) -> "Mapping[str, torch.Tensor]":
        """What `loss_terms` reads of a batch without labels, `logits` included; by default all outputs."""
        outputs: Mapping[str, torch.Tensor] = model(**batch)
        return outputs

    def pair_embeddings(self, model: Any, batch: Batch) -> Pairs:
        """The pairs of a training batch. Asked for where `pairs` is true."""
        raise NotImplementedError(f"{type(self).__name__} has no pairs")

    def loading_snippet(self) -> tuple[str, str]:
        """The lines of `reader`, with what the declaration adds to them."""
        return self.reader

    def answer_snippet(self) -> str | None:
        """A program for the card, run in a package, that writes an answer; None of kinds that write none."""
        return None

    @abstractmethod
    def loss_terms(self, outputs: Mapping[str, "torch.Tensor"], labels: "torch.Tensor") -> LossTerms:
        """What the training loss counts, from the model's outputs and the labels of a batch.

        The loss is summed over units and divided by the labels of the whole step that are not `-100`.
        """

    def validation_outputs(self, outputs: Mapping[str, "torch.Tensor"], labels: "torch.Tensor") -> Any:
        """What validation keeps of the outputs for a batch: logits whole, where that fits memory."""
        return outputs["logits"]

    @abstractmethod
    def measure(self, kept: Any, labels: Any) -> dict[str, float]:
        """The `selection_metrics` over the validation split, from all `validation_outputs` and labels."""

    def features(self, model: Any, batch: Batch) -> "torch.Tensor":
        """Frozen features `[B, H]` of the backbone, on which a base is probed untrained."""
        raise NotImplementedError(f"{type(self).__name__} has no features")

    @abstractmethod
    def fit_report(
        self, processor: Any, splits: "Mapping[str, Dataset]", backbone: BaseSummary
    ) -> dict[str, Any]:
        """How the base's processor meets the rows; JSON-able, merged into `fit.json`."""

    @abstractmethod
    def describe_fit(self, fit: Mapping[str, Any]) -> Sequence[str]:
        """Lines of Markdown on what `fit_report` found, from the whole of `fit.json`."""

    @abstractmethod
    def memory_probe(self, processor: Any, rows: "Dataset") -> MemoryProbe:
        """The largest of some real rows as a batch small enough for any machine."""
