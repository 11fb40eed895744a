"""Numbers on the soft targets of a language model: entropy, and the probability that top-k leaves out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.package.resumable_shards import read_shards, shard_paths

MASS_BINS = 10_000
"""Bins of tail mass, so that its quantiles take no memory; they are right to a bin, 0.0001."""


def target_statistics(package: Path, splits: Sequence[str]) -> dict[str, Any]:
    """Numbers on what lies in `distill/`, in bounded memory.

    Args:
        package: folder of the package.
        splits: names of the splits in `distill/`.

    Returns:
        `entropy`: split → mean entropy a position, nats; `out_of_fold`: None; `tokens`: the fields of
        `metadata.TokenTargets`.
    """
    entropy, bins, total_mass, k, draws = {}, np.zeros(MASS_BINS, np.int64), 0.0, 0, 0
    for split in splits:
        total, count = 0.0, 0
        for batch in read_shards(package / "distill", split, ["entropy", "tail_log_mass", "token_ids"]):
            found = batch["entropy"].flatten().to_numpy().astype(np.float64)
            total, count = total + float(found.sum()), count + len(found)
            mass = np.exp(batch["tail_log_mass"].flatten().to_numpy().astype(np.float64))
            total_mass += float(mass.sum())
            bins += np.histogram(mass, MASS_BINS, (0.0, 1.0))[0]
            k = max(k, len(batch["token_ids"][0][0].as_py()))
        entropy[split] = round(total / max(1, count), 6)
        draws = max(draws, _draws(package, split))
    positions = int(bins.sum())
    tokens = {
        "k": k,
        "sampled": draws,
        "positions": positions,
        "tail_mass_mean": round(total_mass / max(1, positions), 6),
        "tail_mass_p95": _quantile(bins, 0.95),
        "tail_mass_p99": _quantile(bins, 0.99),
    }
    return {"entropy": entropy, "out_of_fold": None, "tokens": tokens}


def _quantile(bins: npt.NDArray[np.int64], share: float) -> float:
    """The smallest edge of equal bins on [0, 1] up to which at least `share` of the counts lie."""
    reached = np.searchsorted(np.cumsum(bins), share * bins.sum())
    return round(float(min(reached + 1, len(bins)) / len(bins)), 6)


def _draws(package: Path, split: str) -> int:
    """Tokens drawn of each position, 0 for none, from the first row of a split."""
    import pyarrow.parquet as pq

    path = shard_paths(package / "distill", split)[0]
    if "sampled_counts" not in pq.read_schema(path).names:
        return 0
    row = next(read_shards(package / "distill", split, ["sampled_counts"]))["sampled_counts"][0].as_py()
    return int(sum(row[0]))
