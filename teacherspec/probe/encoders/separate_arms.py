"""Students of an architecture from transformers: one model for each arm, all with the same weights."""

import copy
from typing import Any, Protocol

import torch


class ToLogits(Protocol):
    """How a model is run on a batch."""

    def __call__(self, model: Any, batch: Any) -> torch.Tensor:
        """Logits `[B, C]`."""


class SeparateArms(torch.nn.Module):
    """One model an arm. It must hold no dropout: arms are paired, and would drop out different units."""

    def __init__(self, model: torch.nn.Module, arms: int, to_logits: ToLogits) -> None:
        """Copy the model.

        Args:
            model: with the weights of a seed.
            arms: A.
            to_logits: how it is run.
        """
        super().__init__()
        self.models = torch.nn.ModuleList([copy.deepcopy(model) for _ in range(arms)])
        self.to_logits = to_logits

    def forward(self, batch: Any) -> torch.Tensor:
        """Logits `[A, B, C]`."""
        return torch.stack([self.to_logits(model, batch) for model in self.models])
