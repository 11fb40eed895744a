"""The split of a row: a function of its content or group and the seed only.

Adding, removing or reordering rows therefore moves no other row, and equal contents are always in the same
split.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_GOLDEN = 0x9E3779B97F4A7C15


SPLIT_STREAM, FOLD_STREAM, SAMPLE_STREAM = range(3)
"""Independent draws for the same key: its split, its fold, its place in a sample."""


def uniform(keys: npt.NDArray[np.uint64], seed: int, stream: int) -> npt.NDArray[np.float64]:
    """One number in [0, 1) for each key, fixed by key, seed and stream.

    The finaliser of SplitMix64 (Steele, Lea, Flood 2014, https://doi.org/10.1145/2660193.2660195) over
    key xor mixed seed; keys are 64 bits of a cryptographic hash, so the seed only has to permute them.

    Args:
        keys: `[N]`.
        seed: any non-negative integer below 2^63.
        stream: the purpose of the number.

    Returns:
        `[N]`, multiples of 2^-53.
    """
    start = mix(mix(np.array([(seed + 1) * _GOLDEN % 2**64], np.uint64)) + np.uint64(stream))
    return (mix(keys ^ start) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def split_keys(content: npt.NDArray[np.uint64], group: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The hash that decides split and fold of each row: of its group where it has one, else of its content.

    Args:
        content: `[N]` hash of the content.
        group: `[N]` hash of the group, 0 without.
    """
    return np.where(group != 0, group, content)


def fold_of(keys: npt.NDArray[np.uint64], folds: int, seed: int) -> npt.NDArray[np.int8]:
    """The fold of each row, from 0 to `folds` - 1: `[N]`.

    It depends on a row's own key, `folds` and `seed` alone, so rows added or removed move no other; groups
    are never divided; and it is independent of the split.

    Args:
        keys: `[N]`, of `split_keys`.
        folds: 2 to 127.
        seed: `params.yaml: prepare.seed`.
    """
    return (uniform(keys, seed, FOLD_STREAM) * folds).astype(np.int8)


def mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread every bit of each value over all bits: the finaliser of SplitMix64."""
    values = (values ^ (values >> np.uint64(30))) * _MIX_1
    values = (values ^ (values >> np.uint64(27))) * _MIX_2
    return values ^ (values >> np.uint64(31))


def assign(keys: npt.NDArray[np.uint64], fractions: Sequence[float], seed: int) -> npt.NDArray[np.int8]:
    """The index of the fraction into which each key falls: `[N]`.

    A key moves only when the boundary next to it moves; fractions of 0 receive nothing.
    """
    bounds = np.cumsum(fractions)
    # Rounding may leave the last bound just below 1; larger draws belong to the last fraction too.
    last = max(index for index, fraction in enumerate(fractions) if fraction > 0)
    return np.minimum(np.searchsorted(bounds, uniform(keys, seed, SPLIT_STREAM), side="right"), last).astype(
        np.int8
    )


def rank_within(classes: npt.NDArray[np.int32], draws: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """For each entry, how many of its class have a smaller draw: `[N]`, `[N]` → `[N]`."""
    order = np.lexsort((draws, classes))
    begins = np.searchsorted(classes[order], classes[order])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - begins
    return rank
