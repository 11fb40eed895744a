"""`metadata.json`: what a program reads about a teacher before it loads it.

The models below are the format; `metadata.schema.json` in this folder is made from them.
"""

from typing import Any, Literal

from pydantic import Field

from teacherspec.package.metadata_fields import Count, Sha256
from teacherspec.package.soft_targets_metadata import SoftTargets
from teacherspec.package.student_metadata import DeclaredStudent
from teacherspec.spec.package import SplitName
from teacherspec.spec.section import Section

SCHEMA_VERSION = 1


class Estimate(Section):
    """A measured number and the ends of its interval, where it has one."""

    value: float
    """The measured value."""

    low: float | None = None
    """Lower end of the interval."""

    high: float | None = None
    """Upper end of the interval."""


class BaseModelInfo(Section):
    """The model that was fine-tuned."""

    source: dict[str, Any]
    """Where it came from, pinned: hub repository and commit, wheel and hash, or folder."""

    architecture: str
    """Kind of architecture, such as `bert`."""

    license: str
    """Licence of the base."""

    stored_as: dict[str, Count] | None = None
    """Tensors by ggml type (such as `Q4_1`) where the base was read from a GGUF; null otherwise."""


class Vocabulary(Section):
    """Tokens of the model: students that compare distributions over them need the same `rows`."""

    rows: int | None
    """Rows of the embedding (`config.vocab_size`), the width of a language model's logits."""

    tokens: int
    """Tokens of the tokenizer."""

    highest_id: int
    """Highest token id."""

    padded: int | None
    """Rows above the highest id, which no text uses."""

    sha256: Sha256
    """Of the tokens with their ids: equal where two tokenizers are."""


class SplitRows(Section):
    """One prepared split."""

    role: Literal["train", "validation", "calibration", "test", "shifted", "ood", "transfer"]
    """What the split was used for."""

    rows: Count
    """Number of rows."""

    sha256: Sha256
    """SHA-256 of the prepared rows."""


class Calibration(Section):
    """How logits become calibrated probabilities; the numbers lie in `calibration/calibration.json`."""

    method: str
    """Name of the method."""

    ece_before: Estimate | None
    """Expected calibration error on the test split at temperature 1; null of a teacher of scores."""

    ece_after: Estimate | None
    """Expected calibration error on the test split after calibration; null of a teacher of scores."""

    ece_noise: float | None
    """95 % point of the error that a perfectly calibrated model shows on as many rows."""


class Digests(Section):
    """SHA-256 of what determines the teacher; the parts lie in `provenance/digests.json`."""

    spec: Sha256
    """The declaration."""

    data: Sha256
    """The prepared splits."""

    base: Sha256
    """The files of the base."""

    predictions: Sha256
    """The logits of every split."""


class Metadata(Section):
    """A packaged teacher."""

    schema_version: Literal[1]
    """Version of this format."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    """Name of the teacher."""

    task: str
    """Kind of the task."""

    label_names: tuple[str, ...]
    """Class names in the order of the logits; empty for tasks without classes."""

    label_names_sha256: Sha256
    """SHA-256 of the label names, each ended by a line feed: equal where two packages agree on the order."""

    base_model: BaseModelInfo
    """The model that was fine-tuned."""

    parameters: Count
    """Number of parameters of the packaged model."""

    vocabulary: Vocabulary | None
    """Tokens of the model; null for models that read none."""

    examples: int
    """Rows that the weights were fitted on."""

    splits: dict[SplitName, SplitRows]
    """All prepared splits by name."""

    epochs: float
    """Passes over the train split until training ended."""

    best_epoch: float
    """Epoch of the checkpoint that was kept."""

    learning_rate: float
    """Peak learning rate."""

    batch_size: int
    """Examples per optimizer step."""

    label_smoothing: float
    """Label smoothing in training; above 0 it erases what students learn from wrong classes."""

    validation_accuracy: Estimate | None
    """Accuracy on the validation split, which chose the checkpoint; null of a teacher of scores."""

    test_accuracy: Estimate | None
    """Accuracy on the test split, which chose nothing; null of a teacher of scores."""

    loss_ratio: float
    """Validation loss over train loss, both plain negative log-likelihood in eval mode."""

    ece: Estimate | None
    """Expected calibration error on the test split after calibration; null of a teacher of scores."""

    calibration: Calibration
    """How it was calibrated."""

    soft_targets: SoftTargets
    """The soft targets."""

    advice: tuple[str, ...]
    """Advice for distillation."""

    license: str
    """Licence of the weights: that of the base."""

    data_license: str
    """Licence of the rows in `distill/` and `golden/`."""

    verdict: Literal["ready", "not ready"]
    """Whether every gate passed; the reasons lie in `READINESS.json`."""

    student: DeclaredStudent | None = None
    """The comparison with the declared student, where there is one."""

    least_transformers: str | None = Field(default=None, pattern=r"^[0-9.]{1,20}$")
    """Oldest version of transformers known to compute the packaged logits; null: not stated."""

    libraries: dict[str, str]
    """Library → version that it was built with."""

    digests: Digests
    """What it was built from."""


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of `metadata.json`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Metadata.model_json_schema()}
