"""Splits in which each label has its share: iterative stratification of rows that may have several."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.label_sets import LabelSets
from teacherspec.prepare.mmap_columns import Words
from teacherspec.prepare.split_assignment import SPLIT_STREAM, uniform


def stratified(
    keys: Words, labels: npt.NDArray[np.int32], sets: LabelSets, fractions: Sequence[float], seed: int
) -> npt.NDArray[np.int8]:
    """The index of the fraction of each row `[N]`.

    Iterative stratification (Sechidis et al. 2011, "On the stratification of multi-label data"): the label
    that fewest rows have that are left is distributed first, each row to the split that lacks most of this
    label, then most rows. Rows come in the order of a hash of their key and the seed, and those of equal keys
    together, so that neither files nor their order matter. A row's split depends on the other rows.

    Args:
        keys: `[N]`, of `split_keys`.
        labels: `[N]` index of the set of labels, -1 without.
        sets: which labels each set has.
        fractions: of the splits; those of 0 receive nothing.
        seed: `params.yaml: prepare.seed`.
    """
    unique, unit_of = np.unique(keys, return_inverse=True)
    members = np.vstack([sets.members, np.zeros((1, sets.members.shape[1]), np.int64)])  # the last for -1
    has = np.zeros((len(unique), members.shape[1]), np.int64)
    np.add.at(has, unit_of, members[labels])
    rows = np.bincount(unit_of, minlength=len(unique))
    shares = np.asarray(fractions, np.float64)
    closed = np.where(shares > 0, 0.0, -np.inf)
    wanted = shares[:, None] * has.sum(axis=0) + closed[:, None]
    wanted_rows = shares * rows.sum() + closed
    order = np.argsort(uniform(unique, seed, SPLIT_STREAM), kind="stable")
    split = np.full(len(unique), -1, np.int8)

    def place(unit: int, first: npt.NDArray[np.float64]) -> None:
        chosen = int(np.lexsort((-np.arange(len(shares)), wanted_rows, first))[-1])
        split[unit] = chosen
        wanted[chosen] -= has[unit]
        wanted_rows[chosen] -= rows[unit]

    while (left := has[split < 0].sum(axis=0)).any():
        label = int(np.where(left > 0, left, np.iinfo(np.int64).max).argmin())
        for unit in order[(split[order] < 0) & (has[order, label] > 0)].tolist():
            place(unit, wanted[:, label])
    for unit in order[split[order] < 0].tolist():
        place(unit, wanted_rows)
    found: npt.NDArray[np.int8] = split[unit_of]
    return found
