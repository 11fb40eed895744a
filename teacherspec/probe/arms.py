"""The arms of a probe: what a student is taught by. All else is equal between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from teacherspec.spec.probe.probe import Probe

Targets = Literal[
    "none", "top_label", "raw", "calibrated", "embeddings", "shuffled", "shuffled_embeddings", "smoothed"
]
"""Where the soft targets of an arm come from. `embeddings`: the teacher's own; `shuffled`: of another row;
`smoothed`: the same with the largest moved to the row's own label and the rest to others at random."""

HARD, PSEUDO = "hard", "pseudo"


@dataclass(frozen=True)
class Arm:
    """One way to teach a student.

    Attributes:
        name: as reports show it.
        targets: the soft targets.
        temperature: by which logits of teacher and student are divided in the soft term.
        weight: of the soft term; the labels weigh the rest.
    """

    name: str
    targets: Targets
    temperature: float
    weight: float

    @property
    def is_candidate(self) -> bool:
        """Whether it may be recommended: it learns from the teacher's probabilities of the row itself."""
        return self.targets in ("raw", "calibrated", "embeddings")

    @property
    def is_control(self) -> bool:
        """Whether its targets hold nothing that the teacher knows of the row."""
        return self.targets in ("shuffled", "shuffled_embeddings", "smoothed")

    @property
    def learns_embeddings(self) -> bool:
        """Whether its targets are embeddings, be it of another row."""
        return self.targets in ("embeddings", "shuffled_embeddings")

    @property
    def is_smoothing(self) -> bool:
        """Whether it smooths labels without a teacher: it may lift, and must be surpassed."""
        return self.targets == "smoothed"


def arms(section: Probe, *, calibrated: bool, embeddings: bool = False) -> tuple[Arm, ...]:
    """All arms, `hard` first.

    Args:
        section: temperatures and weights.
        calibrated: whether calibrated targets differ from raw ones.
        embeddings: whether the teacher gives embeddings, too.
    """
    return tuple(_arms(section, calibrated=calibrated, embeddings=embeddings))


def _arms(section: Probe, *, calibrated: bool, embeddings: bool) -> Iterator[Arm]:
    yield Arm(HARD, "none", 1.0, 0.0)
    yield Arm(PSEUDO, "top_label", 1.0, 1.0)
    for temperature in section.temperatures:
        yield Arm(f"soft, T {temperature:g}", "raw", temperature, 1.0)
        if calibrated:
            yield Arm(f"soft, T {temperature:g}, calibrated", "calibrated", temperature, 1.0)
    if embeddings:
        yield Arm("embeddings", "embeddings", 1.0, 1.0)
    middle = section.temperatures[len(section.temperatures) // 2]
    for weight in section.weights:
        for temperature in section.temperatures:
            yield Arm(f"mix {weight:g}, T {temperature:g}", "raw", temperature, weight)
        yield Arm(f"shuffled {weight:g}, T {middle:g}", "shuffled", middle, weight)
        yield Arm(f"smoothed {weight:g}, T {middle:g}", "smoothed", middle, weight)
        if embeddings:
            yield Arm(f"mix {weight:g}, embeddings", "embeddings", 1.0, weight)
            yield Arm(f"shuffled {weight:g}, embeddings", "shuffled_embeddings", 1.0, weight)
