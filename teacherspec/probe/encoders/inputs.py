"""Encoded rows, of which batches are taken."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Inputs(Protocol):
    """What an encoder reads of some rows."""

    def __len__(self) -> int:
        """Number of rows."""

    def batch(self, rows: npt.NDArray[np.intp]) -> Any:
        """Model inputs of some rows."""
