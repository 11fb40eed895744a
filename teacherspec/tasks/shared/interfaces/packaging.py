"""What a teacher package holds besides the model: golden outputs, and how a reader loads it."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from teacherspec.tasks.shared.interfaces.model import Batch, Inference

if TYPE_CHECKING:
    import torch


class UsageSnippet(NamedTuple):
    """Code for the model card, run in the folder of a package.

    Attributes:
        imports: import statements.
        logits: statements from the folder `model` to `logits`.
        answer: a whole program that prints an answer, or None for tasks that generate no text.
    """

    imports: str
    logits: str
    answer: str | None = None


class Packaging(Inference):
    """What `package` and `verify` need."""

    def golden_outputs(self, model: Any, batch: Batch) -> "Mapping[str, torch.Tensor]":
        """All outputs for a batch without labels that a package guarantees, by name."""
        return {"logits": self.logits(model, batch)}

    @abstractmethod
    def usage_snippet(self) -> UsageSnippet:
        """How to load and run the packaged model with transformers alone."""
