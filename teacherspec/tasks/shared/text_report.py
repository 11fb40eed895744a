"""How a base's tokenizer suits the rows: lengths, truncation, unknown tokens."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.errors import BaseModelError
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary

QUANTILES = (0.5, 0.9, 0.99, 1.0)
MANY_CUT = 0.05
MANY_UNKNOWN = 0.01


def refuse_longer(max_length: int, folder: Path, backbone: BaseSummary) -> None:
    """Refuse inputs of `max_length` tokens where the base reads fewer.

    Raises:
        BaseModelError: `task.max_length` exceeds the base's context.
    """
    if backbone.context is not None and max_length > backbone.context:
        raise BaseModelError(
            f"task.max_length: {max_length} tokens are more than this base reads ({folder / 'config.json'}: "
            f"{backbone.context}); lower it, or choose a base with a longer context"
        )


def count_unknown(unknown: int | None, ids: Iterable[Sequence[int]]) -> int:
    """How many of the tokens `ids` are the unknown one, of which a tokenizer may have none."""
    return 0 if unknown is None else sum(list(tokens).count(unknown) for tokens in ids)


def length_report(lengths: Sequence[int], max_length: int, unknown: int) -> dict[str, Any]:
    """Token lengths before truncation, and what truncation at `max_length` costs.

    Args:
        lengths: tokens of each example, special tokens included, before truncation.
        max_length: `task.max_length`, tokens.
        unknown: how many of these tokens are unknown to the tokenizer.
    """
    counts = np.asarray(lengths, dtype=np.int64)  # [N]
    cut = np.maximum(counts - max_length, 0)
    total = int(counts.sum())
    names = [f"p{round(100 * share)}" for share in QUANTILES]
    values = np.quantile(counts, QUANTILES, method="higher")
    return {
        "examples": len(counts),
        "tokens": total,
        "length": dict(zip(names, map(int, values), strict=True)),
        "truncated_share": float((cut > 0).mean()),
        "cut_token_share": float(cut.sum() / total),
        "unknown_token_share": unknown / total,
    }


def describe_lengths(fit: Mapping[str, Any], heading: str = "## Data") -> Iterator[str]:
    """Lines of Markdown on the `context` and the length reports in `data` of `fit.json`."""
    limit = fit["context"]["base"]
    reads = "inputs of any length" if limit is None else f"up to {limit}"
    yield f"{heading}\n"
    yield f"Inputs are cut at {fit['context']['declared']} tokens; the base reads {reads}.\n"
    yield "| split | examples | tokens p50 | p90 | p99 | longest | truncated | unknown tokens |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for name, data in fit["data"].items():
        lengths = " | ".join(str(value) for value in data["length"].values())
        shares = f"{data['truncated_share']:.2%} | {data['unknown_token_share']:.2%}"
        yield f"| {name} | {data['examples']} | {lengths} | {shares} |"
    yield ""
    for name, data in fit["data"].items():
        if data["truncated_share"] > MANY_CUT:
            yield f"- {data['truncated_share']:.1%} of {name} is cut; raise task.max_length.\n"
        if data["unknown_token_share"] > MANY_UNKNOWN:
            share = f"{data['unknown_token_share']:.1%}"
            yield f"- {share} of the tokens of {name} are unknown: this base was trained on other text.\n"
