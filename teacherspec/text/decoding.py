"""Answers of a language model: greedy or sampled, batched, the same in any batch."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


FEWEST = 4
"""Rows from which on those that have stopped are let go: fewer take nearly as long."""


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


class QuarterStopped:
    """Ends a generation when a quarter of its rows have stopped, so that no time is spent on them."""

    def __init__(self, stop_ids: Sequence[int], rows: int) -> None:
        self.stop_ids, self.rows = stop_ids, rows
        self.stopped: torch.Tensor | None = None

    def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor", **options: Any) -> "torch.Tensor":
        """`[B]`, true for all rows or for none, after the last token of `input_ids` `[B, L]`."""
        import torch

        now = torch.isin(input_ids[:, -1], torch.tensor(self.stop_ids, device=input_ids.device))
        self.stopped = now if self.stopped is None else self.stopped | now
        return torch.full_like(now, bool(4 * self.stopped.sum() >= self.rows))


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
    """Answers of one batch. Where a quarter of its rows have stopped, the others go on without them."""
    import torch
    from transformers import GenerationConfig, StoppingCriteriaList

    width = max(map(len, prompts))
    padded = [[pad_id] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    masks = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    ids, mask = (torch.tensor(rows).to(model.device) for rows in (padded, masks))
    inputs = {name: values.to(model.device) for name, values in vision_inputs.items()}
    config = GenerationConfig(
        max_new_tokens=decoding.max_new_tokens,
        do_sample=False,  # the noise samples
        eos_token_id=list(stop_ids),
        pad_token_id=pad_id,
        use_cache=True,
        return_dict_in_generate=True,
    )
    open_rows = list(range(len(prompts)))
    written: list[list[int]] = [[] for _ in prompts]
    cache, releases = None, not vision_inputs  # some models keep places of images outside the cache
    while open_rows:
        config.max_new_tokens = width + decoding.max_new_tokens - ids.shape[1]
        quarter = [QuarterStopped(stop_ids, len(open_rows))] if releases and len(open_rows) >= FEWEST else []
        out = model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=config,
            logits_processor=_steps([names[row] for row in open_rows], decoding, width),
            stopping_criteria=StoppingCriteriaList(quarter),
            past_key_values=cache,
            **inputs,
        )
        new = out.sequences[:, ids.shape[1] :].tolist()
        for row, tokens in zip(open_rows, new, strict=True):
            written[row] += tokens
        going_on = [at for at, tokens in enumerate(new) if not set(stop_ids) & set(tokens)]
        if out.sequences.shape[1] == width + decoding.max_new_tokens or not going_on:
            break
        ids, cache = out.sequences[going_on], out.past_key_values
        mask = torch.cat([mask, mask.new_ones(len(new), len(new[0]))], dim=1)[going_on]
        cache.batch_select_indices(torch.tensor(going_on, device=ids.device))
        open_rows = [open_rows[at] for at in going_on]
    return [_until_stop(tokens, stop_ids) for tokens in written]


def _steps(names: Sequence[str], decoding: Decoding, width: int) -> Any:
    from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

    steps = LogitsProcessorList()
    if decoding.temperature > 0:
        if decoding.temperature != 1:
            steps.append(TemperatureLogitsWarper(decoding.temperature))
        if decoding.top_p < 1:
            steps.append(TopPLogitsWarper(decoding.top_p))
        steps.append(RowNoise(names, decoding.seed, width))
    return steps


def _until_stop(ids: Sequence[int], stop_ids: Sequence[int]) -> Generated:
    for at, token in enumerate(ids):
        if token in stop_ids:
            return Generated(tuple(ids[:at]), stopped=True)
    return Generated(tuple(ids), stopped=False)
