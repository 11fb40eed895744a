"""Recipes that were tried and are not part of the product, as a trainer of its own."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from transformers import TrainerCallback

from teacherspec.finetune.linear_probe_first import output_layer
from teacherspec.finetune.running_mean import RunningMean, UpdateMean
from teacherspec.finetune.trainer import DeterministicTrainer


@dataclass(frozen=True)
class Extras:
    """What a candidate adds to the declared training; 0 and None add nothing.

    Attributes:
        r_drop: weight of the divergence between two passes with different dropout (R-Drop, Liang et al. 2021,
            arXiv 2106.14448).
        mixup: α of the Beta distribution by which the inputs of the output layer and their labels are mixed
            within a batch (manifold mixup, Verma et al. 2019, arXiv 1806.05236).
        l2_start: decay towards the weights that training started from, in place of zero, relative to the
            learning rate (L2-SP, Li et al. 2018, arXiv 1802.01483).
        layer_decay: factor of the learning rate from each layer to the one below (Howard & Ruder 2018).
        ema: share that the running mean of the weights keeps at each step; scored next to the last weights.
    """

    r_drop: float = 0.0
    mixup: float = 0.0
    l2_start: float = 0.0
    layer_decay: float | None = None
    ema: float | None = None


class CandidateTrainer(DeterministicTrainer):
    """The product's trainer with a candidate's loss, learning rates or mean of weights.

    Attributes:
        mean_to_score: the running mean of the weights, where the candidate has one. It decides nothing,
            unlike the product's `running_mean`, so that one training gives the scores of both.
    """

    def __init__(self, *, extras: Extras, classes: int, **given: Any) -> None:
        super().__init__(**given)
        self.extras, self.classes = extras, classes
        self.mean_to_score = None if extras.ema is None else RunningMean(self.model, extras.ema)
        if self.mean_to_score is not None:
            self.add_callback(UpdateMean(self.mean_to_score))
        if extras.l2_start:
            self.add_callback(PullToStart(self, copy.deepcopy(self.model)))

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """With two passes, or with mixed inputs of the output layer."""
        if self.extras.r_drop:
            return self._r_drop(model, dict(inputs))
        if self.extras.mixup:
            return self._mixed(model, dict(inputs))
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def _r_drop(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        labels = inputs.pop("labels")
        twice = {name: torch.cat([value, value]) for name, value in inputs.items()}
        logs = functional.log_softmax(self.task.logits(model, twice), dim=1)
        nll = functional.nll_loss(logs, torch.cat([labels, labels]))
        one, other = logs.chunk(2)
        both = functional.kl_div(one, other, log_target=True, reduction="batchmean")
        both = both + functional.kl_div(other, one, log_target=True, reduction="batchmean")
        return nll + self.extras.r_drop / 2 * both

    def _mixed(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        labels = inputs.pop("labels")
        alpha = torch.tensor(self.extras.mixup)
        share = torch.distributions.Beta(alpha, alpha).sample((len(labels), 1))
        order = torch.randperm(len(labels))
        _, layer = output_layer(model, self.classes)

        def mix(layer: Any, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:  # noqa: ARG001
            return (share * given[0] + (1 - share) * given[0][order],)

        handle = layer.register_forward_pre_hook(mix)
        try:
            logits = self.task.logits(model, inputs)
        finally:
            handle.remove()
        hot = functional.one_hot(labels, self.classes).float()
        return functional.cross_entropy(logits, share * hot + (1 - share) * hot[order])

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """With a learning rate for each layer."""
        optimizer = super().create_optimizer(model)
        decay = self.extras.layer_decay
        if decay is not None and len(optimizer.param_groups) <= 3:
            depths = _depths(self.model)
            for group in list(optimizer.param_groups):
                for depth in sorted(set(depths.values())):
                    at = [one for one in group["params"] if depths[id(one)] == depth]
                    if depth and at:
                        group["params"] = [one for one in group["params"] if depths[id(one)] != depth]
                        optimizer.add_param_group({**group, "params": at, "lr": group["lr"] * decay**depth})
        return optimizer


def _depths(model: Any) -> dict[int, int]:
    """Parameter → number of layers between it and the head."""
    layers = max(
        (module for module in model.base_model.modules() if isinstance(module, torch.nn.ModuleList)), key=len
    )
    within = {
        id(one): len(layers) - place for place, layer in enumerate(layers) for one in layer.parameters()
    }
    names = [name for name, _ in model.base_model.named_parameters()]
    parameters = dict(model.base_model.named_parameters())
    first = next(at for at, name in enumerate(names) if id(parameters[name]) in within)
    below = {id(parameters[name]): len(layers) + 1 for name in names[:first]}
    return {id(one): {**below, **within}.get(id(one), 0) for one in model.parameters()}


class PullToStart(TrainerCallback):  # type: ignore[misc]
    """Pulls the weights towards the start after each step."""

    def __init__(self, trainer: CandidateTrainer, start: Any) -> None:
        self.trainer, self.start = trainer, start

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After the optimizer's step."""
        trainer = self.trainer
        share = trainer.lr_scheduler.get_last_lr()[0] * trainer.extras.l2_start
        with torch.no_grad():
            for own, start in zip(trainer.model.parameters(), self.start.parameters(), strict=True):
                own.lerp_(start, share)
