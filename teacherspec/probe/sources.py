"""What a probe reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from teacherspec.splits import Prepared


@dataclass(frozen=True)
class Sources:
    """Outputs of the earlier stages.

    Attributes:
        prepared: the splits.
        content: columns of a row that the teacher reads.
        evaluated: folder of its predictions.
        calibrated: folder of its calibrator.
    """

    prepared: Prepared
    content: Sequence[str]
    evaluated: Path
    calibrated: Path
