"""Block-diagonal attention for packed sequences: each attends to itself only.

transformers 5 recognises the sequences of a packed row by position ids that restart at 0, and passes
attention a mask `[L, L]` of the whole row, most of which is False but computed all the same. Here attention
is computed for each sequence by itself, mostly without a mask: the same sums at less cost, so that all
sequences of a batch fit one row without padding.

Masks and attention are registered through transformers' documented `AttentionInterface` and
`AttentionMaskInterface`. What has no documented interface is `sdpa_functions`, and the way that transformers
calls a mask function; `tests/unit/text/test_block_attention.py` fails when a release changes either.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from teacherspec.text.packing import SUPERVISED

if TYPE_CHECKING:
    import torch

NAME = "teacherspec_block_attention"
"""Name of this attention in transformers' registries; it is in no saved model."""

TOLERANCE = 1e-4
"""Largest difference, relative to the largest logit, that rounding may make to a packed sequence."""

PROBES = ((3, 1, 4, 1, 5), (2, 6, 5, 3))
"""Two sequences of token ids in every vocabulary, to test whether a model separates packed sequences."""


class Block(NamedTuple):
    """Consecutive positions of a row that attend to each other and to nothing else.

    Attributes:
        length: number of positions.
        mask: `[1, 1, length, length]`, True where a position attends to another; None where it is causal.
    """

    length: int
    mask: "torch.Tensor | None"


class Blocks(NamedTuple):
    """The blocks of each of B rows of L positions, passed instead of a mask `[B, 1, L, L]`."""

    rows: tuple[tuple[Block, ...], ...]


def use_block_attention(model: Any) -> None:
    """Make `model(**batch)` separate the sequences of `pack`'s single row; the model is changed in place.

    Attention is computed by blocks where the model takes its attention from transformers' registry. Where it
    does not, or where it passes information from one sequence to the next in another way (as the state of a
    recurrent layer does), a hook moves each sequence to a row of its own, padded on the right.
    """
    if model.config._attn_implementation == "sdpa":  # `eager` is chosen where sdpa lacks something
        _register()
        model.set_attn_implementation(NAME)
        if model.config._attn_implementation == NAME and _separates_sequences(model):
            return
        model.set_attn_implementation("sdpa")
    model.register_forward_pre_hook(_unpack_rows, with_kwargs=True, prepend=True)


class SdpaFunctions(NamedTuple):
    """transformers' own mask and attention for `sdpa`."""

    mask: "Callable[..., torch.Tensor | None]"
    attention: "Callable[..., tuple[torch.Tensor, None]]"


def sdpa_functions() -> SdpaFunctions:
    """The two functions of transformers that this module calls and that have no documented interface."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    return SdpaFunctions(sdpa_mask, sdpa_attention_forward)


def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, blocks)


def blocks(
    *,
    batch_size: int,
    q_length: int,
    kv_length: int,
    mask_function: Any,
    attention_mask: "torch.Tensor | None" = None,
    allow_is_causal_skip: bool = True,
    use_vmap: bool = False,
    device: "torch.device | str" = "cpu",
    **rest: Any,
) -> Any:
    """The blocks of packed rows, or transformers' own mask where rows are not packed.

    With every mask of transformers a position attends to an unbroken run up to itself, whose start never
    moves back from one position to the next. So a block starts where a position does not attend to the one
    before it, and a block whose last position attends to its first is causal.
    """
    import torch

    if attention_mask is not None or allow_is_causal_skip or use_vmap or q_length != kv_length:
        return sdpa_functions().mask(
            batch_size=batch_size,
            q_length=q_length,
            kv_length=kv_length,
            mask_function=mask_function,
            attention_mask=attention_mask,
            allow_is_causal_skip=allow_is_causal_skip,
            use_vmap=use_vmap,
            device=device,
            **rest,
        )

    head = torch.zeros((), dtype=torch.long, device=device)
    later = torch.arange(1, q_length, device=device)
    rows = []
    for row in torch.arange(batch_size, device=device):
        begins = mask_function(row, head, later, later - 1).logical_not().nonzero()[:, 0] + 1
        edges = torch.cat([begins.new_zeros(1), begins, begins.new_full((1,), q_length)])
        causal = mask_function(row, head, edges[1:] - 1, edges[:-1])
        of_row = []
        for begin, end, plain in zip(edges[:-1].tolist(), edges[1:].tolist(), causal.tolist(), strict=True):
            places = torch.arange(begin, end, device=device)
            mask = None if plain else mask_function(row, head, places[:, None], places)[None, None]
            of_row.append(Block(end - begin, mask))
        rows.append(tuple(of_row))
    return Blocks(tuple(rows))


def attend(
    module: Any,
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: "Blocks | torch.Tensor | None",
    **options: Any,
) -> "tuple[torch.Tensor, None]":
    """transformers' attention by scaled dot products, block by block where there are blocks.

    Args:
        module: the attention layer.
        query: `[B, heads, L, size]`.
        key: `[B, key heads, L, size]`.
        value: `[B, key heads, L, size]`.
        attention_mask: of `blocks`, or transformers' own.
        options: as transformers passes them.

    Returns:
        `[B, L, heads, size]`, and None instead of attention weights.
    """
    import torch

    attention = sdpa_functions().attention
    if not isinstance(attention_mask, Blocks):
        return attention(module, query, key, value, attention_mask, **options)
    # PyTorch 2.13 takes four times as long for these products on a CPU in bfloat16 as in float32.
    widened = query.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    if widened:
        query, key, value = query.float(), key.float(), value.float()
    rows = []
    with torch.autocast("cpu", enabled=False) if widened else nullcontext():
        for row, of_row in enumerate(attention_mask.rows):
            sizes = [block.length for block in of_row]
            # Not slices: each would keep a gradient as large as the whole row.
            parts = (torch.split(tensor[row : row + 1], sizes, dim=2) for tensor in (query, key, value))
            attended = [
                attention(module, q, k, v, block.mask, **options)[0]
                for q, k, v, block in zip(*parts, of_row, strict=True)
            ]
            rows.append(torch.cat(attended, dim=1))
    return torch.cat(rows), None


def _separates_sequences(model: Any) -> bool:
    """Whether the model gives the same logits for a sequence packed after another as for it alone."""
    import inspect

    import torch

    if "position_ids" not in inspect.signature(model.forward).parameters:
        return False
    first, second = PROBES
    ids = torch.tensor([[*first, *second]], device=model.device)
    places = torch.tensor([[*range(len(first)), *range(len(second))]], device=model.device)
    training = model.training
    model.train(False)
    with torch.no_grad():
        packed = model(input_ids=ids, position_ids=places, use_cache=False).logits[0, len(first) :]
        alone = model(input_ids=ids[:, len(first) :], use_cache=False).logits[0]
    model.train(training)
    return bool((packed - alone).abs().max() <= TOLERANCE * alone.abs().max())


def _unpack_rows(_module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Move each packed sequence to a row of its own; supervised positions keep their order.

    Several rows are padded ones already, whose positions start at 0.
    """
    import torch
    from torch.nn.utils.rnn import pad_sequence

    if SUPERVISED not in kwargs or "position_ids" not in kwargs:
        return args, kwargs
    given = {name: value for name, value in kwargs.items() if name != "position_ids"}
    if len(given["input_ids"]) > 1:
        return args, given
    ids, places = given["input_ids"][0], kwargs["position_ids"][0]
    begins = (places == 0).nonzero()[:, 0]
    sizes = torch.diff(begins, append=begins.new_tensor([len(ids)]))
    given["input_ids"] = pad_sequence(ids.split(sizes.tolist()), batch_first=True)
    width = given["input_ids"].shape[1]
    numbers = torch.repeat_interleave(torch.arange(len(sizes), device=ids.device), sizes)
    given[SUPERVISED] = (numbers * width + places)[given[SUPERVISED]]
    return args, given
