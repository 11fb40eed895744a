"""The features and rows that the linear probe of an untrained base is fitted on."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

PROBE_ROWS = 20_000
"""Train rows at most that the probe is fitted on, drawn without replacement: more change little."""


def sample_rows(rows: "Dataset", seed: int) -> "Dataset":
    """At most `PROBE_ROWS` rows, drawn without replacement, in the order of the split."""
    if len(rows) <= PROBE_ROWS:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), PROBE_ROWS, replace=False)
    return rows.select(np.sort(chosen))


def unit_length(features: npt.NDArray[np.float32]) -> "torch.Tensor":
    """Features of length 1, as sentence encoders and image models are compared."""
    import torch

    return torch.nn.functional.normalize(torch.from_numpy(features))
