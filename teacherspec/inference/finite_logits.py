"""A model whose logits are not finite is refused."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from teacherspec.errors import UserError


def refuse_non_finite(ids: Sequence[str], logits: npt.NDArray[np.float32]) -> None:
    """Refuse logits `[N, C]` that are not finite.

    Raises:
        UserError: names the first such row.
    """
    if bad := np.flatnonzero(~np.isfinite(logits).all(axis=1)).tolist():
        raise UserError(
            f"evaluate: the model's logits for row {ids[bad[0]]} are not finite ({len(bad)} such rows of "
            f"{len(ids)}); the weights are broken or overflow: fine-tune again with a lower learning rate"
        )
