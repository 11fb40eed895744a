"""Packed sequences that cannot see each other: attention is computed within each of them, and nowhere else.

transformers 5 tells sequences of a packed row apart by position ids that begin again at 0, and hands
attention a mask of the whole row, most of which is zeros that are computed all the same. Here each sequence
gets a call of its own, most often without a mask at all: the same sums without the waste, so that all
sequences of a batch may lie in one row, and nothing is padded.
"""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from teacherspec.text.packing import SUPERVISED

if TYPE_CHECKING:
    import torch

NAME = "teacherspec_apart"
"""By which transformers' tables know attention of this module; no model on disk says it."""

TOLERANCE = 1e-4
"""Largest difference, relative to the largest logit, that rounding may make to a packed sequence."""

PROBES = ((3, 1, 4, 1, 5), (2, 6, 5, 3))
"""Token ids that every vocabulary has, of which a base is asked whether it keeps sequences apart."""


class Block(NamedTuple):
    """Neighbouring positions of a row that see each other and nothing else.

    Attributes:
        length: how many.
        mask: `[1, 1, length, length]`, true where one sees the other; None where each sees all before it.
    """

    length: int
    mask: "torch.Tensor | None"


class Blocks(NamedTuple):
    """What stands in the place of a mask `[B, 1, L, L]`: the blocks of each of B rows, L positions in sum."""

    rows: tuple[tuple[Block, ...], ...]


def lay_apart(model: Any) -> None:
    """Have `model(**batch)` keep the sequences of `pack`'s single row apart; it is changed in place.

    Attention is computed by blocks where the model takes its attention from transformers' table. Where it
    does not, or where something else in it carries over from one sequence to the next (as the state of a
    recurrent layer does), each sequence gets a row of its own, padded on the right, before the model sees it.
    """
    if model.config._attn_implementation == "sdpa":  # `eager` is chosen where sdpa lacks something
        _register()
        model.set_attn_implementation(NAME)
        if model.config._attn_implementation == NAME and _keeps_apart(model):
            return
        model.set_attn_implementation("sdpa")
    model.register_forward_pre_hook(_give_rows, with_kwargs=True, prepend=True)


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
    """The blocks of packed rows, or the mask that transformers makes where rows are not packed.

    Every mask of transformers lets a position see an unbroken run up to itself whose begin never moves
    back from one position to the next. So a block begins where a position does not see the one before it, and
    one whose last position sees its first is causal throughout.
    """
    import torch
    from transformers.masking_utils import sdpa_mask

    if attention_mask is not None or allow_is_causal_skip or use_vmap or q_length != kv_length:
        return sdpa_mask(
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
    found = []
    for row in torch.arange(batch_size, device=device):
        begins = mask_function(row, head, later, later - 1).logical_not().nonzero()[:, 0] + 1
        edges = torch.cat([begins.new_zeros(1), begins, begins.new_full((1,), q_length)])
        causal = mask_function(row, head, edges[1:] - 1, edges[:-1])
        of_row = []
        for begin, end, plain in zip(edges[:-1].tolist(), edges[1:].tolist(), causal.tolist(), strict=True):
            places = torch.arange(begin, end, device=device)
            mask = None if plain else mask_function(row, head, places[:, None], places)[None, None]
            of_row.append(Block(end - begin, mask))
        found.append(tuple(of_row))
    return Blocks(tuple(found))


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
        attention_mask: of `blocks`, or what transformers made.
        options: as transformers hands them over.

    Returns:
        `[B, L, heads, size]`, and None in the place of weights.
    """
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if not isinstance(attention_mask, Blocks):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)  # type: ignore[no-any-return]
    # PyTorch 2.13 takes four times as long for these products on a CPU in bfloat16 as in float32.
    widened = query.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    if widened:
        query, key, value = query.float(), key.float(), value.float()
    rows = []
    with torch.autocast("cpu", enabled=False) if widened else nullcontext():
        for row, of_row in enumerate(attention_mask.rows):
            sizes = [block.length for block in of_row]
            # Not slices, each of which would leave a gradient as large as the whole row behind.
            parts = (torch.split(tensor[row : row + 1], sizes, dim=2) for tensor in (query, key, value))
            seen = [
                sdpa_attention_forward(module, q, k, v, block.mask, **options)[0]
                for q, k, v, block in zip(*parts, of_row, strict=True)
            ]
            rows.append(torch.cat(seen, dim=1))
    return torch.cat(rows), None


def _keeps_apart(model: Any) -> bool:
    """Whether the model says the same of a sequence that lies behind another as of it alone."""
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


def _give_rows(_module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Each packed sequence in a row of its own; what is asked stays in its order.

    Where there are several rows they are padded ones, whose positions count from 0 anyway.
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
