"""`params.yaml: package`: quality gates, soft targets, and the texts of the model card."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from teacherspec.spec.section import Section
from teacherspec.spec.student import Student

SPLIT_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
SplitName = Annotated[str, StringConstraints(pattern=rf"^{SPLIT_NAME.pattern}$")]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class Gate(Section):
    """A limit that a measured number must keep. A number that is missing or not finite fails it."""

    metric: str = Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$", max_length=200)
    """Dotted name of the number: the stage, then its place in that stage's `metrics.json`, such as
    `evaluate.test.accuracy`."""

    at_least: float | None = None
    """Lowest value that passes, in the unit of the metric."""

    at_most: float | None = None
    """Highest value that passes, in the unit of the metric. A calibration error also passes up to the
    95 % point of its noise: below that it shows nothing about the model."""

    tested: Literal["point", "bound"] = "point"
    """What must keep the limit: `point`, the measured value; `bound`, the pessimistic end of its interval,
    so that sampling luck does not pass."""

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a gate needs at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"nothing passes: at_least {self.at_least} is above at_most {self.at_most}")
        return self


GAIN_GATE = Gate(metric="evaluate.gain.test.accuracy", at_least=0.0)
"""A teacher that loses to its untrained base (to a linear probe of it, where it has no classes of its own)
was not worth its training. It holds for every declaration that has no limit of its own for this number."""


SCORE_GAINS = tuple(f"evaluate.gain.test.{name}" for name in ("mse", "rmse", "mae", "pearson", "spearman"))
"""Gains of a teacher of scores, which has no accuracy: a gate on one of them stands in for `GAIN_GATE`."""


def with_gain_gate(gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
    """The gates, with `GAIN_GATE` where none of them limits its number, or a gain of scores."""
    named = any(gate.metric in (GAIN_GATE.metric, *SCORE_GAINS) for gate in gates)
    return gates if named else (*gates, GAIN_GATE)


DEFAULT_GATES = (
    GAIN_GATE,
    Gate(metric="evaluate.test.accuracy", at_least=0.90),
    Gate(metric="calibrate.calibration.fitted", at_least=1.0),
    Gate(metric="calibrate.test.ece.after", at_most=0.05),
    Gate(metric="evaluate.loss_ratio", at_least=1.0, at_most=1.2),
)
"""What makes a teacher worth distilling from, unless declared otherwise."""


class PushToHub(Section):
    """A model repository on the Hugging Face hub."""

    kind: Literal["hub"]
    """Where to."""

    repo: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$")
    """Repository, `owner/name`; made where it does not exist."""

    private: bool = True
    """Whether a repository that is made is private."""


class PushToRemote(Section):
    """A DVC remote, from which `dvc artifacts get` fetches a tagged teacher."""

    kind: Literal["dvc"]
    """Where to."""

    remote: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """Name of the remote in `.dvc/config`; omit for the default one."""


class Package(Section):
    """The folder that is handed over: its card, its soft targets and its gates."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    """Name of the teacher: lower-case letters, digits and dashes."""

    description: Sentence
    """One or two sentences on what the teacher does, for the card."""

    intended_use: Sentence
    """What the teacher is meant for, for the card."""

    limits: tuple[Sentence, ...] = ()
    """What the teacher must not be used for and what the numbers cannot show, one sentence each."""

    language: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")], ...] = ()
    """Languages of the texts as ISO 639 codes, such as `en`."""

    data_license: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]{0,63}$")
    """Licence of the rows, SPDX or Hugging Face identifier such as `cc0-1.0`; soft targets carry them."""

    gates: tuple[Gate, ...] = Field(default=DEFAULT_GATES, min_length=1)
    """All must pass for the verdict `ready`. One more holds where none of them names
    `evaluate.gain.test.accuracy`: a teacher that loses to its own untrained base is not ready. For regression
    name `evaluate.gain.test.rmse` or another gain."""

    on_not_ready: Literal["warn", "fail"] = "warn"
    """Whether the stage fails when a gate does. `warn` writes the package with its verdict."""

    soft_targets: tuple[SplitName, ...] = ("train", "validation", "calibration")
    """Splits whose rows and logits go into `distill/`; never the split that students are compared on."""

    top_k: int | None = Field(default=None, ge=1, le=4096)
    """Likeliest tokens stored of each position of a language model's soft targets, plus sums of the rest;
    omit to choose 8, 16, 32 or 64 so that the rest has at most 1 % of the probability."""

    sampled_tokens: int | None = Field(default=None, ge=1, le=4096)
    """Tokens drawn of each position of a language model's soft targets from its whole distribution, in
    addition to the likeliest: an unbiased estimate of it, for students of many texts; omit for none."""

    trim_vocabulary: int | None = Field(default=None, ge=1, le=10_000_000)
    """Rows of a language model's embedding and head that are packed, where its base padded them with rows
    that no token uses: students compare distributions of equal width only. Omit to keep all."""

    student: Student | None = None
    """The model that is to learn from a language model: its vocabulary, tokens, special tokens and chat
    template are compared with the teacher's before anything is trained."""

    golden_examples: int = Field(default=16, ge=8, le=32)
    """Test rows packed with their logits, from which anyone proves to have loaded this teacher."""

    push: Annotated[PushToHub | PushToRemote, Field(discriminator="kind")] | None = None
    """Where `python -m teacherspec push` uploads the teacher; `dvc repro` never does."""

    def vocabulary_problems(self, rows: int, tokens: int) -> Iterator[str]:
        """What `trim_vocabulary` and `top_k` want of a vocabulary that is not there.

        Args:
            rows: of the embedding and the head.
            tokens: highest token id of the tokenizer plus one.
        """
        kept = self.trim_vocabulary
        if kept is not None and not tokens <= kept <= rows:
            yield (
                f"package.trim_vocabulary: given {kept}; allowed: {tokens} (the highest token id is "
                f"{tokens - 1}) to {rows} (the rows of the model)"
            )
        elif self.top_k is not None and self.top_k >= (kept or rows):
            limit = f"below {kept or rows}, the size of the vocabulary"
            yield f"package.top_k: given {self.top_k}; allowed: {limit}"

    @field_validator("gates")
    @classmethod
    def _beats_its_base(cls, gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
        return with_gain_gate(gates)

    @field_validator("soft_targets")
    @classmethod
    def _keep_test_unseen(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("names a split twice")
        if "test" in names:
            raise ValueError("test must stay unseen by students: the teacher's numbers are reported on it")
        return names
