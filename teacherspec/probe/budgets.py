"""The rows of a smaller budget, drawn anew with each seed and in proportion to the labels."""

import numpy as np
import numpy.typing as npt


def budget_rows(labels: npt.NDArray[np.int64], share: float, seed: int) -> npt.NDArray[np.intp]:
    """Places, ascending, of a share of rows: of each label the nearest number, one at least.

    Args:
        labels: `[N]`.
        share: of the rows, up to 1.
        seed: of the draw; the rows of a smaller share are among those of a larger one.
    """
    order = np.random.default_rng([seed, len(labels)]).permutation(len(labels))
    kept = []
    for label in np.unique(labels):
        own = order[labels[order] == label]
        kept.append(own[: max(1, round(share * len(own)))])
    return np.sort(np.concatenate(kept))
