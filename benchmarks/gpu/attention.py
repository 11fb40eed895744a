"""Kernels for packed rows: one layer of block-diagonal attention, forward and backward, by each kernel."""

from collections.abc import Callable
from functools import partial
from itertools import accumulate
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from benchmarks.gpu.device import seconds
from benchmarks.gpu.shapes import Sizes, rows
from teacherspec.text.block_attention import Block, Blocks, attend

Way = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""From `[1, heads, L, size]` of queries, keys and values to the attended `[1, heads, L, size]`."""


def by_blocks(lengths: list[int], _device: str) -> Way:
    """This project's: a call for each row."""
    blocks = Blocks((tuple(Block(length, None) for length in lengths),))
    module = SimpleNamespace(is_causal=True, training=True)
    return lambda q, k, v: attend(module, q, k, v, blocks)[0].transpose(1, 2)


def numbers(lengths: list[int], device: str) -> torch.Tensor:
    """`[L]`: the row that each position belongs to."""
    return torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)).to(device)


def dense_mask(lengths: list[int], device: str) -> Way:
    """One call under a mask of all pairs, as transformers makes it."""
    of = numbers(lengths, device)
    mask = (of[:, None] == of) & torch.ones(len(of), len(of), dtype=torch.bool, device=device).tril()
    return partial(scaled_dot_product_attention, attn_mask=mask)


def flex(lengths: list[int], device: str) -> Way:
    """FlexAttention with a mask by blocks of 128; compiled where there is an accelerator."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    of = numbers(lengths, device)

    def same_row(_batch: Any, _head: Any, query: Any, key: Any) -> Any:
        return (query >= key) & (of[query] == of[key])

    mask = create_block_mask(same_row, None, None, len(of), len(of), device=device)
    call: Any = torch.compile(flex_attention) if device == "cuda" else flex_attention
    return partial(call, block_mask=mask)


def varlen(lengths: list[int], device: str) -> Way:
    """torch's own call for rows of different lengths."""
    from torch.nn.attention.varlen import varlen_attn

    begins = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device)

    def call(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        flat = [one[0].transpose(0, 1) for one in (q, k, v)]
        longest = max(lengths)
        out: Any = varlen_attn(*flat, begins, begins, longest, longest, window_size=(-1, 0))
        return out.transpose(0, 1)[None]

    return call


WAYS = {"blocks": by_blocks, "dense mask": dense_mask, "FlexAttention": flex, "varlen": varlen}


def measure(sizes: Sizes) -> dict[str, Any]:
    """Milliseconds of each way, and how far it is from the dense mask's result; or why it does not run."""
    lengths = [len(one.input_ids) for one in rows(sizes, sizes.batch)]
    shape = (1, sizes.heads, sum(lengths), sizes.hidden // sizes.heads)
    given = [torch.randn(shape, device=sizes.device).bfloat16().requires_grad_() for _ in range(3)]
    expected = dense_mask(lengths, sizes.device)(*given).detach()
    found: dict[str, Any] = {"tokens": sum(lengths), "rows": len(lengths)}
    for name, prepare in WAYS.items():
        try:
            way = prepare(lengths, sizes.device)
            difference = float((way(*given).detach() - expected).abs().max())
            if difference > 0.05:
                raise RuntimeError(f"differs by {difference:.2g} from the dense mask")
            taken = seconds(sizes, lambda way=way: torch.autograd.grad(way(*given).float().sum(), given))
            found[name] = {"ms": 1e3 * taken, "differs_by": difference}
        except Exception as error:  # one kernel that a release or a device lacks must not lose the others
            found[name] = {"failed": f"{type(error).__name__}: {error}".splitlines()[0][:160]}
    return found
