"""A loss over all pairs of an optimizer step, whatever the micro-batch.

Accumulating gradients adds no negatives: each micro-batch would see only its own. So every step first
embeds all its micro-batches without a graph, takes the loss over all pairs and its gradient with respect to
the embeddings, and then runs the micro-batches again with a graph, one by one, each pulled by the gradient of
its own embeddings (gradient caching, Gao et al. 2021, arXiv 2101.06983). Both passes draw the same dropout.
"""

import math
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from teacherspec.finetune.trainer import DeterministicTrainer
from teacherspec.tasks.interfaces.capabilities import PairEmbeddings, Pairs

LARGEST_SCALE = math.log(100)
"""Of `logit_scale`, as CLIP was trained: beyond it training becomes unstable."""


class Pull(NamedTuple):
    """What one micro-batch is told of the whole step.

    Attributes:
        random: states of the generators before its first pass.
        images: `[B, D]` gradient of the step's loss with respect to its images.
        texts: `[B, D]` the same of its texts.
        own: parameters of the loss itself with their gradients, told to the first micro-batch alone.
        loss: its share of the step's loss.
    """

    random: Any
    images: torch.Tensor
    texts: torch.Tensor
    own: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    loss: torch.Tensor


def pair_losses(pairs: Pairs, scale: torch.Tensor, bias: torch.Tensor | None, pairing: str) -> torch.Tensor:
    """Loss of each pair, nats, `[N]`, over all pairs given.

    A pair whose text or image equals the pair's own is neither its positive nor its negative: it is left out.

    Args:
        pairs: N pairs.
        scale: logarithm of the factor of the cosines.
        bias: added to them, or None.
        pairing: `softmax`, the mean of both directions' cross-entropies; or `sigmoid`, where each of the N²
            combinations is a yes-or-no question, summed over the texts of an image.
    """
    logits = scale.exp() * pairs.images @ pairs.texts.T
    if bias is not None:
        logits = logits + bias
    same = (pairs.keys[:, None] == pairs.keys[None]).all(dim=-1)
    if pairs.image_keys is not None:
        same = same | (pairs.image_keys[:, None] == pairs.image_keys[None])
    own = torch.eye(len(same), dtype=torch.bool, device=same.device)
    twice = same & ~own
    if pairing == "sigmoid":
        told = -functional.logsigmoid(torch.where(own, logits, -logits))
        return told.masked_fill(twice, 0.0).sum(dim=1)
    logits = logits.masked_fill(twice, -torch.inf)
    places = torch.arange(len(same), device=same.device)
    both = [functional.cross_entropy(one, places, reduction="none") for one in (logits, logits.T)]
    return (both[0] + both[1]) / 2


class ContrastiveTrainer(DeterministicTrainer):
    """Trainer's loop with a loss over the whole step."""

    def __init__(self, *, pairing: str, **named: Any) -> None:
        super().__init__(compute_loss_func=self.pulled, **named)
        self.pairing = pairing
        self.waiting: deque[Pull] = deque()

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> tuple[list[Any], Any]:
        """The micro-batches of a step; what each must know of the others is computed here."""
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        self.waiting = deque(self._pulls(batches))
        return batches, items

    def learned_from(self, model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        """The micro-batch's pairs, with the dropout of its first pass."""
        with torch.random.fork_rng():
            _set_random(self.waiting[0].random)
            return self._paired(model, inputs)._asdict()

    def pulled(self, outputs: dict[str, Any], labels: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """The micro-batch's share of the step's loss, with its gradient."""
        pull = self.waiting.popleft()
        pulled = (outputs["images"] * pull.images).sum() + (outputs["texts"] * pull.texts).sum()
        for parameter, gradient in pull.own:
            pulled = pulled + (parameter * gradient).sum()
        loss: torch.Tensor = pull.loss + (pulled - pulled.detach())
        return loss

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """The step as always, from a scale within bounds."""
        with torch.no_grad():
            model.logit_scale.clamp_(max=LARGEST_SCALE)
        return super().training_step(model, inputs, num_items_in_batch)

    def _paired(self, model: Any, inputs: dict[str, Any]) -> Pairs:
        with self.accelerator.autocast():
            pairs = self.task.require(PairEmbeddings).pair_embeddings(model, inputs)
        return pairs._replace(images=pairs.images.float(), texts=pairs.texts.float())

    def _pulls(self, batches: list[Any]) -> Iterator[Pull]:
        if not batches:
            return
        self.model.train()
        states, seen = [], []
        with torch.no_grad():
            for batch in batches:
                states.append(_random())
                seen.append(self._paired(self.model, self._prepare_inputs(batch)))
        images, texts = (
            torch.cat([getattr(one, name) for one in seen]).requires_grad_() for name in ("images", "texts")
        )
        shown = [one.image_keys for one in seen if one.image_keys is not None]
        keys = torch.cat([one.keys for one in seen])
        whole = Pairs(images, texts, keys, torch.cat(shown) if shown else None)
        scale, bias = self.model.logit_scale, getattr(self.model, "logit_bias", None)
        loss = pair_losses(whole, scale, bias, self.pairing).mean()
        learned = [one for one in (scale, bias) if one is not None and one.requires_grad]
        of_images, of_texts, *of_own = torch.autograd.grad(loss, [images, texts, *learned])
        sizes = [len(one.images) for one in seen]
        parts = zip(states, torch.split(of_images, sizes), torch.split(of_texts, sizes), strict=True)
        own = tuple(zip(learned, of_own, strict=True))
        for place, (state, image_part, text_part) in enumerate(parts):
            told = own if place == 0 else ()
            yield Pull(state, image_part, text_part, told, loss.detach() / len(batches))


def _random() -> Any:
    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []


def _set_random(states: Any) -> None:
    torch.set_rng_state(states[0])
    if states[1]:
        torch.cuda.set_rng_state_all(states[1])
