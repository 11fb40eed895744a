"""How the base's tokenizer meets the real data: lengths, what is cut off, what it does not know."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset

QUANTILES = (0.5, 0.9, 0.99, 1.0)


def length_report(
    lengths: Sequence[int], max_length: int, unknown: int | None, ids: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """Token lengths before truncation, and what truncation at `max_length` costs.

    Args:
        lengths: tokens of each example, special tokens included, nothing cut.
        max_length: `task.max_length`, tokens.
        unknown: id of the unknown token, None where the tokenizer has none.
        ids: token ids of the same examples.
    """
    counts = np.asarray(lengths, dtype=np.int64)  # [N]
    cut = np.maximum(counts - max_length, 0)
    total = int(counts.sum())
    lost = 0 if unknown is None else sum(tokens.count(unknown) for tokens in map(list, ids))
    names = [f"p{round(100 * share)}" for share in QUANTILES]
    values = np.quantile(counts, QUANTILES, method="higher")
    return {
        "examples": len(counts),
        "tokens": total,
        "length": dict(zip(names, map(int, values), strict=True)),
        "truncated_share": float((cut > 0).mean()),
        "cut_token_share": float(cut.sum() / total),
        "unknown_token_share": lost / total,
    }


def sample(rows: "Dataset", limit: int, seed: int) -> "Dataset":
    """At most `limit` rows, drawn without replacement by `seed`, in the order of the split."""
    if len(rows) <= limit:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), size=limit, replace=False)
    return rows.select(np.sort(chosen))
