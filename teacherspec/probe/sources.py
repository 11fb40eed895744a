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
        artifacts: folder with one folder of artifacts a stage, named like it.
    """

    prepared: Prepared
    content: Sequence[str]
    artifacts: Path

    @property
    def evaluated(self) -> Path:
        """The predictions."""
        return self.artifacts / "evaluate"

    @property
    def calibrated(self) -> Path:
        """The calibrator."""
        return self.artifacts / "calibrate"
