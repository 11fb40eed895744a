"""What a probe reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from teacherspec.splits import Prepared

CHOOSING = ("validation", "calibration")
"""Roles of the splits whose rows choose epoch and arm."""

REPORTED = ("test", "shifted")
"""Roles of the splits that lift is reported on."""

TRANSFER = "transfer"
"""Role of splits without labels, whose rows only soft targets can use."""

READ = ("train", TRANSFER, *CHOOSING, *REPORTED)
"""Roles of all splits that a probe with labels reads."""


@dataclass(frozen=True)
class Sources:
    """Outputs of the earlier stages.

    Attributes:
        prepared: the splits.
        content: columns of a row that the teacher reads.
        artifacts: folder with one folder of artifacts a stage, named like it.
        answers: columns of a row that the teacher is trained to give or to find.
    """

    prepared: Prepared
    content: Sequence[str]
    artifacts: Path
    answers: Sequence[str] = ()

    @property
    def evaluated(self) -> Path:
        """The predictions."""
        return self.artifacts / "evaluate"

    @property
    def calibrated(self) -> Path:
        """The calibrator."""
        return self.artifacts / "calibrate"
