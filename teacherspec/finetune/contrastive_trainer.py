"""A contrastive loss over all pairs of an optimizer step, whatever the micro-batch.

Gradient accumulation alone adds no negatives: each micro-batch would see only its own. So every step first
embeds all its micro-batches without a graph, and computes the loss over all pairs and its gradient with
respect to the embeddings. Then it runs the micro-batches again with a graph, one by one, and backpropagates
the cached gradient of their embeddings (gradient caching, Gao et al. 2021, arXiv 2101.06983). Both passes use
the same dropout.
"""

import math
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from teacherspec.finetune.trainer import DeterministicTrainer
from teacherspec.tasks.shared.interfaces.capabilities import PairEmbeddings, Pairs

LARGEST_SCALE = math.log(100)
"""Upper bound of `logit_scale`, as in the training of CLIP: beyond it training becomes unstable."""


class CachedGradients(NamedTuple):
    """What the second pass over a micro-batch needs to know of the whole step.

    Attributes:
        random_state: states of the generators before its first pass.
        images: `[B, D]` gradient of the step's loss with respect to its image embeddings.
        texts: `[B, D]` gradient with respect to its text embeddings.
        loss_parameters: scale and bias with their gradients; for the first micro-batch only.
        loss: its share of the step's loss.
    """

    random_state: Any
    images: torch.Tensor
    texts: torch.Tensor
    loss_parameters: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    loss: torch.Tensor


def pair_losses(pairs: Pairs, scale: torch.Tensor, bias: torch.Tensor | None, pairing: str) -> torch.Tensor:
    """Loss of each pair, nats, `[N]`, over all pairs given.

    Other pairs with the same text or image are neither positives nor negatives of a pair: they are left out.

    Args:
        pairs: N pairs.
        scale: logarithm of the factor by which cosines are multiplied.
        bias: added to the scaled cosines, or None.
        pairing: `softmax`, the mean of both directions' cross-entropies; or `sigmoid`, binary cross-entropy
            of each of the N² combinations, summed over the texts of an image.
    """
    logits = scale.exp() * pairs.images @ pairs.texts.T
    if bias is not None:
        logits = logits + bias
    same = (pairs.keys[:, None] == pairs.keys[None]).all(dim=-1)
    if pairs.image_keys is not None:
        same = same | (pairs.image_keys[:, None] == pairs.image_keys[None])
    positive = torch.eye(len(same), dtype=torch.bool, device=same.device)
    left_out = same & ~positive
    if pairing == "sigmoid":
        losses = -functional.logsigmoid(torch.where(positive, logits, -logits))
        return losses.masked_fill(left_out, 0.0).sum(dim=1)
    logits = logits.masked_fill(left_out, -torch.inf)
    labels = torch.arange(len(same), device=same.device)
    of_images, of_texts = (
        functional.cross_entropy(one, labels, reduction="none") for one in (logits, logits.T)
    )
    return (of_images + of_texts) / 2


class ContrastiveTrainer(DeterministicTrainer):
    """A trainer with a loss over all pairs of a step.

    It also overrides `get_batch_samples`, where Trainer collects the micro-batches of a step, and
    `training_step`, which runs one of them.
    """

    def __init__(self, *, pairing: str, **given: Any) -> None:
        super().__init__(compute_loss_func=self.backpropagated_loss, **given)
        self.pairing = pairing
        self.cached: deque[CachedGradients] = deque()

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> tuple[list[Any], Any]:
        """The micro-batches of a step; the gradients of their embeddings are computed and cached here."""
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        self.cached = deque(self._gradients(batches))
        return batches, items

    def training_outputs(self, model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        """The pairs of the micro-batch, with the dropout of its first pass."""
        with torch.random.fork_rng():
            _set_random_state(self.cached[0].random_state)
            return self._pairs(model, inputs)._asdict()

    def backpropagated_loss(
        self, outputs: dict[str, Any], labels: Any, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """The micro-batch's share of the step's loss; its gradient is that of the loss over all pairs."""
        cached = self.cached.popleft()
        product = (outputs["images"] * cached.images).sum() + (outputs["texts"] * cached.texts).sum()
        for parameter, gradient in cached.loss_parameters:
            product = product + (parameter * gradient).sum()
        loss: torch.Tensor = cached.loss + (product - product.detach())
        return loss

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Trainer's own, after the scale is clamped to its bound."""
        with torch.no_grad():
            model.logit_scale.clamp_(max=LARGEST_SCALE)
        return super().training_step(model, inputs, num_items_in_batch)

    def _pairs(self, model: Any, inputs: dict[str, Any]) -> Pairs:
        with self.accelerator.autocast():
            pairs = self.task.require(PairEmbeddings).pair_embeddings(model, inputs)
        return pairs._replace(images=pairs.images.float(), texts=pairs.texts.float())

    def _gradients(self, batches: list[Any]) -> Iterator[CachedGradients]:
        if not batches:
            return
        self.model.train()
        states, parts = [], []
        with torch.no_grad():
            for batch in batches:
                states.append(_random_state())
                parts.append(self._pairs(self.model, self._prepare_inputs(batch)))
        images, texts = (
            torch.cat([getattr(part, name) for part in parts]).requires_grad_()
            for name in ("images", "texts")
        )
        image_keys = [part.image_keys for part in parts if part.image_keys is not None]
        keys = torch.cat([part.keys for part in parts])
        step = Pairs(images, texts, keys, torch.cat(image_keys) if image_keys else None)
        scale, bias = self.model.logit_scale, getattr(self.model, "logit_bias", None)
        loss = pair_losses(step, scale, bias, self.pairing).mean()
        trained = [one for one in (scale, bias) if one is not None and one.requires_grad]
        of_images, of_texts, *of_trained = torch.autograd.grad(loss, [images, texts, *trained])
        sizes = [len(part.images) for part in parts]
        gradients = zip(states, torch.split(of_images, sizes), torch.split(of_texts, sizes), strict=True)
        loss_parameters = tuple(zip(trained, of_trained, strict=True))
        for place, (state, image_part, text_part) in enumerate(gradients):
            of_loss = loss_parameters if place == 0 else ()
            yield CachedGradients(state, image_part, text_part, of_loss, loss.detach() / len(batches))


def _random_state() -> Any:
    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []


def _set_random_state(states: Any) -> None:
    torch.set_rng_state(states[0])
    if states[1]:
        torch.cuda.set_rng_state_all(states[1])
