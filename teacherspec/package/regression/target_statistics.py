"""What is stated of the soft targets of regression: scores have no entropy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def target_statistics(_package: Path, _splits: Sequence[str]) -> dict[str, Any]:
    """`entropy`: of no split; `out_of_fold` and `tokens`: None."""
    return {"entropy": {}, "out_of_fold": None, "tokens": None}
