"""`params.yaml: evaluate`, how the fine-tuned model is measured."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, field_validator

from teacherspec.spec.generation import Generation
from teacherspec.spec.section import Section


def _ascending(edges: Sequence[float] | None) -> Sequence[float] | None:
    if edges is not None and any(high <= low for low, high in pairwise(edges)):
        raise ValueError("edges must ascend")
    return edges


class ColumnSlices(Section):
    """One slice for each value of a kept column, or between edges of a column of numbers."""

    kind: Literal["column"]
    """The kind of slices."""

    column: str
    """A column named in `prepare.keep_columns`."""

    edges: tuple[float, ...] | None = Field(default=None, min_length=1, max_length=50)
    """Edges between slices of a column of numbers, ascending, in its unit; omit for one slice a value."""

    _edges_ascend = field_validator("edges")(_ascending)


class LengthSlices(Section):
    """Slices by the length of the text; rows without text lie in none."""

    kind: Literal["length"] = "length"
    """The kind of slices."""

    edges: tuple[int, ...] | None = Field(default=None, min_length=1, max_length=50)
    """Edges between slices, ascending, in characters; omit for the quartiles of the test split."""

    _edges_ascend = field_validator("edges")(_ascending)


class LabelSlices(Section):
    """One slice for each label."""

    kind: Literal["label"] = "label"
    """The kind of slices."""


class ConfidenceSlices(Section):
    """Slices by the model's confidence before calibration. Low confidence should mean low accuracy, so a weak
    slice of this kind is no blind spot; wrong predictions of high confidence are the ones to study."""

    kind: Literal["confidence"] = "confidence"
    """The kind of slices."""

    edges: tuple[float, ...] = Field(default=(0.5, 0.9), min_length=1, max_length=50)
    """Edges between slices, ascending, as probabilities."""

    _edges_ascend = field_validator("edges")(_ascending)


Slices = Annotated[ColumnSlices | LengthSlices | LabelSlices | ConfidenceSlices, Field(discriminator="kind")]


class Evaluate(Section):
    """One pass of the model over every split, and the reports of it."""

    batch_size: int = Field(default=64, ge=1, le=65_536)
    """Examples per forward pass, at most; declared because batching moves logits by rounding, below 1e-4."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """Level of every interval."""

    resamples: int = Field(default=1000, ge=100, le=100_000)
    """Bootstrap resamples for the intervals of metrics without a closed form."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of resampling and perturbation."""

    slices: tuple[Slices, ...] = (LabelSlices(), LengthSlices(), ConfidenceSlices())
    """Parts of the test split to compare with the rest of it."""

    discover_slices: bool = True
    """Whether to look for weak slices that were not declared, among pairs of slicing features of the rows."""

    min_slice_rows: int = Field(default=20, ge=5)
    """Fewest test rows of a discovered slice."""

    false_discovery_rate: float = Field(default=0.05, gt=0.0, le=0.5)
    """Expected share of false alarms among the slices, perturbations and sets that are called weak
    (Benjamini & Hochberg 1995)."""

    perturbations: tuple[str, ...] | None = None
    """Changes to the test rows under which a person would answer the same, such as `typos`, `case`
    and `punctuation` of texts, or `noise_3` (severities 1, 3 and 5), `blur_…`, `jpeg_…` and `brightness_…`
    of images; omit for all that fit the rows, empty for none."""

    generation: Generation | None = None
    """How answers are generated and compared, for tasks that generate text; omit for the defaults."""

    top_k: int | None = Field(default=None, ge=1, le=4096)
    """Likeliest tokens stored of each supervised position of a language model, plus sums of the rest, from
    which the students of `probe` learn; omit to store none. `package.top_k` is that of the package."""

    embeddings: bool = False
    """Store the embeddings of images and classes that the logits of a dual encoder are computed from, which
    the student `image_embedder` of `probe` learns."""

    latency_examples: int = Field(default=100, ge=10, le=100_000)
    """Test examples timed one by one for the latency percentiles."""

    @field_validator("slices")
    @classmethod
    def _differ(cls, slices: tuple[Slices, ...]) -> tuple[Slices, ...]:
        if len({declared.model_dump_json() for declared in slices}) < len(slices):
            raise ValueError("declares the same slices twice")
        return slices

    @field_validator("perturbations")
    @classmethod
    def _name_each_once(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and len(set(names)) < len(names):
            raise ValueError("names a perturbation twice")
        return names
