"""`params.yaml: base` with several candidates, of which the stage `base` chooses one before any training."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from teacherspec.spec.base import Base, PretrainedModel, Reproducibility
from teacherspec.spec.section import Section

Score = Literal[
    "linear_probe", "nearest_neighbours", "logme", "h_score", "bits_per_byte", "recall_at_1", "ridge_mse"
]
"""What an untrained base can be ranked by."""

SCORES: Mapping[str, tuple[Score, ...]] = {
    "classification": ("linear_probe", "nearest_neighbours", "logme", "h_score"),
    "generation": ("bits_per_byte",),
    "multi_label": ("linear_probe",),
    "regression": ("ridge_mse",),
    "retrieval": ("recall_at_1",),
    "tagging": ("linear_probe",),
}
"""Type of output → the scores that are measured; the first ranks unless another is declared."""


class Candidate(PretrainedModel):
    """One of the bases to choose from. It starts from its weights: without any, nothing can be ranked."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")
    """A short name for reports."""


class BaseChoice(Section):
    """How the base is chosen among the candidates."""

    rank_by: Score | None = None
    """The score that ranks; omit for `linear_probe` (labels of rows, tags of words), `bits_per_byte`
    (generation), `recall_at_1` (retrieval) or `ridge_mse` (regression). The others are reported."""

    undecided: Literal["smallest", "first"] = "smallest"
    """What is taken where the intervals of several ranks hold the first rank: the candidate with the fewest
    parameters among these, or the one whose score ranks first."""

    use: str | None = None
    """Take the candidate of this name whatever its rank: to try one, or to keep one."""

    licenses: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Licences that a candidate may have, such as `[apache-2.0, mit]`; omit to allow all."""

    max_parameters: int | None = Field(default=None, ge=1)
    """Most parameters, the new head included."""

    max_training_mib: int | None = Field(default=None, ge=1)
    """Most memory that full fine-tuning of one example needs, in MiB: weights, gradients, optimizer,
    activations."""

    max_gflops: float | None = Field(default=None, gt=0)
    """Most floating-point operations of a forward pass, in units of 10^9 for each validation row: latency as
    a number that is the same on every machine."""


class BaseCandidates(Section):
    """Several candidates for the base of the teacher."""

    candidates: tuple[Candidate, ...] = Field(min_length=2, max_length=50)
    """The bases to choose from; each is pinned, checked and measured before any training."""

    choice: BaseChoice = BaseChoice()
    """How one of them is chosen."""

    reproducibility: Reproducibility = "same_machine"
    """How every stage computes with the model: see `base.reproducibility` of a single base."""

    def placed(self) -> tuple[tuple[tuple[str | int, ...], Base], ...]:
        """Every base that is declared, with its place in the declaration."""
        return tuple(
            (("base", "candidates", number), self.base(one)) for number, one in enumerate(self.candidates)
        )

    def base(self, candidate: Candidate) -> Base:
        """A candidate as the one base of the teacher."""
        values = candidate.model_dump(mode="json", exclude={"name"})
        return Base.model_validate({**values, "reproducibility": self.reproducibility})


def _alternative(value: Any) -> str:
    """Which section is meant: one base, or several, also where the key is misspelt."""
    if isinstance(value, BaseCandidates):
        return "BaseCandidates"
    keys = map(str, value) if isinstance(value, dict) else ()
    return "BaseCandidates" if any(key.startswith(("candid", "choice")) for key in keys) else "Base"


DeclaredBase = Annotated[
    Annotated[Base, Tag("Base")] | Annotated[BaseCandidates, Tag("BaseCandidates")],
    Discriminator(_alternative),
]
"""The section `base`: one base, or candidates. A tag is the name of the class, as in the JSON Schema."""
