"""What a declaration may ask of a teacher, by the output type of its task."""

from collections.abc import Mapping
from dataclasses import dataclass

from teacherspec.tasks.shared.interfaces.declaration import OutputType


@dataclass(frozen=True)
class Supported:
    """What the stages can do for one output type.

    Attributes:
        answers: whether `evaluate.generation` lets the teacher write answers.
        slices: whether `evaluate.slices` cuts the test split.
        perturbations: whether `evaluate.perturbations` changes its rows.
        tokens: whether `package` may choose tokens of soft targets and trim the vocabulary.
        calibration: kinds of `calibrate.method`; None allows all.
        abstention: whether `calibrate.abstain` sets a confidence below which the teacher abstains.
    """

    answers: bool = False
    slices: bool = False
    perturbations: bool = True
    tokens: bool = False
    calibration: tuple[str, ...] | None = ("temperature", "none")
    abstention: bool = False


SUPPORTED: Mapping[OutputType, Supported] = {
    "classification": Supported(slices=True, calibration=None, abstention=True),
    "generation": Supported(answers=True, tokens=True),
    "retrieval": Supported(perturbations=False),
}
"""One entry for each output type."""
