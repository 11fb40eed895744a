"""Whether a base suits the task and its rows: what the stage `base` needs."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.tasks.shared.interfaces.model import Batch

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class BaseSummary:
    """What is known of a base from building it without its weights.

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
        size: what activations grow with, such as examples x padded length.
        size_of_largest: the same of the largest example that the declaration allows.
    """

    batch: Batch
    size: int
    size_of_largest: int


class BaseFit(ABC):
    """Checks and reports of a base before any training."""

    @abstractmethod
    def tokenizer_probe_texts(self, rows: "Dataset") -> list[str]:
        """Texts of the rows on which an untrusted tokenizer is tried; empty where the task has none."""

    @abstractmethod
    def probe_processor(self, folder: Path, rows: "Dataset") -> Iterator[str]:
        """Put every row through the base's tokenizer, chat template and image processor as later stages do.

        Runs in a child process with limits on time and memory, before anything else loads the base.

        Yields:
            What is tried next, in words.

        Raises:
            DataError: rows cannot be encoded, through no fault of the base.
        """

    @abstractmethod
    def check_base(self, folder: Path, backbone: BaseSummary) -> None:
        """Compare the declaration with what the base can read.

        Raises:
            BaseModelError: the base cannot take inputs as declared.
        """

    def refused_rows(self, folder: Path, rows: "Dataset") -> Iterator[tuple[int, str]]:
        """Rows that cannot be learned from or scored with this base: the index, and what is wrong with it.

        Raises:
            BaseModelError: the base's processor does not load, or suits no row.
        """
        return iter(())

    @abstractmethod
    def fit_report(
        self, processor: Any, splits: "Mapping[str, Dataset]", backbone: BaseSummary
    ) -> dict[str, Any]:
        """How the base's processor suits the rows; JSON-able, merged into `fit.json`."""

    @abstractmethod
    def describe_fit(self, fit: Mapping[str, Any]) -> Sequence[str]:
        """Lines of Markdown on `fit_report`, from the whole of `fit.json`."""

    @abstractmethod
    def memory_probe(self, processor: Any, rows: "Dataset") -> MemoryProbe:
        """The largest of some real rows as a batch small enough for any machine."""
