"""Answers of a language model: greedy or sampled, batched, the same in any batch."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Decoding:
    """How answers are decoded.

    Attributes:
        max_new_tokens: longest answer, stop token included.
        temperature: divides the logits; 0 takes the most likely token each time.
        top_p: tokens are sampled from the smallest set with this probability (Holtzman et al. 2020).
        seed: of the draws.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Generated:
    """One answer.

    Attributes:
        ids: its tokens, without the stop token.
        stopped: whether it ended by itself, with a stop token.
    """

    ids: tuple[int, ...]
    stopped: bool


class RowNoise:
    """Makes greedy decoding sample: adds Gumbel noise that depends on row and step alone.

    The largest of logits plus Gumbel noise is distributed as softmax of the logits (Gumbel 1954). With
    one generator a row, a sample does not depend on the other rows of its batch.
    """

    def __init__(self, names: Sequence[str], seed: int, first_length: int) -> None:
        self.names, self.seed, self.first_length = names, seed, first_length

    def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
        """Scores `[B, V]` with noise, for the next tokens of `input_ids` `[B, L]`."""
        import torch

        step = input_ids.shape[1] - self.first_length
        noise = torch.stack([self._noise(name, step, scores.shape[1]) for name in self.names])
        return scores.float() + noise.to(scores.device)

    def _noise(self, name: str, step: int, size: int) -> "torch.Tensor":
        import torch

        digest = hashlib.sha256(f"{self.seed}\x1f{name}\x1f{step}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
        uniform = torch.rand(size, generator=generator, dtype=torch.float64)
        return -torch.log(-torch.log(uniform.clamp(min=1e-300)))


def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    names: Sequence[str],
    decoding: Decoding,
    *,
    stop_ids: Sequence[int],
    pad_id: int,
    batch_size: int,
    vision_inputs: "Callable[[Sequence[int]], Mapping[str, torch.Tensor]]" = lambda places: {},
    progress: Callable[[int], None] | None = None,
) -> list[Generated]:
    """Answers to `prompts`, in their order.

    Prompts are batched by length, longest first, and padded on the left, where a decoder expects it.

    Args:
        model: a causal language model in eval mode.
        prompts: ids of each prompt, none empty.
        names: of each prompt, such as row ids; a sample depends on name and seed.
        decoding: how answers are decoded.
        stop_ids: tokens that end an answer.
        pad_id: any token; it is masked.
        batch_size: prompts at once.
        vision_inputs: from the indices of some prompts to the inputs of the model besides tokens.
        progress: called with the number of finished prompts.
    """
    import torch

    order = sorted(range(len(prompts)), key=lambda at: (-len(prompts[at]), at))
    found: dict[int, Generated] = {}
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            answers = _batch(
                model,
                [prompts[at] for at in chosen],
                [names[at] for at in chosen],
                decoding,
                stop_ids,
                pad_id,
                vision_inputs(chosen),
            )
            found.update(zip(chosen, answers, strict=True))
            if progress is not None:
                progress(len(found))
    return [found[at] for at in range(len(prompts))]


def _batch(
    model: Any,
    prompts: Sequence[Sequence[int]],
    names: Sequence[str],
    decoding: Decoding,
    stop_ids: Sequence[int],
    pad_id: int,
    vision_inputs: "Mapping[str, torch.Tensor]",
) -> list[Generated]:
    import torch
    from transformers import GenerationConfig, LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

    width = max(map(len, prompts))
    ids = torch.tensor([[pad_id] * (width - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    steps = LogitsProcessorList()
    if decoding.temperature > 0:
        if decoding.temperature != 1:
            steps.append(TemperatureLogitsWarper(decoding.temperature))
        if decoding.top_p < 1:
            steps.append(TopPLogitsWarper(decoding.top_p))
        steps.append(RowNoise(names, decoding.seed, width))
    config = GenerationConfig(
        max_new_tokens=decoding.max_new_tokens,
        do_sample=False,  # the noise samples
        eos_token_id=list(stop_ids),
        pad_token_id=pad_id,
        use_cache=True,
    )
    out = model.generate(
        input_ids=ids.to(model.device),
        attention_mask=mask.to(model.device),
        generation_config=config,
        logits_processor=steps,
        **{name: values.to(model.device) for name, values in vision_inputs.items()},
    )
    return [_until_stop(row, stop_ids) for row in out[:, width:].tolist()]


def _until_stop(ids: Sequence[int], stop_ids: Sequence[int]) -> Generated:
    for at, token in enumerate(ids):
        if token in stop_ids:
            return Generated(tuple(ids[:at]), stopped=True)
    return Generated(tuple(ids), stopped=False)
