"""The part of `metadata.json` on the soft targets in `distill/`."""

from typing import Literal

from pydantic import Field

from teacherspec.package.metadata_fields import Count
from teacherspec.spec.package import SplitName
from teacherspec.spec.section import Section


class OutOfFold(Section):
    """Soft targets from models that were trained without the fold of the row they answer."""

    folds: int
    """Number of folds, and of such models."""

    entropy: float
    """Mean entropy of their distributions at temperature 1, nats."""

    nll: float
    """Mean negative log-likelihood of the labels, nats."""

    accuracy: float
    """Share of rows whose label they find."""


class EnsembleSplit(Section):
    """Soft targets of the models of cross-fitting together, on rows that none of them was fitted on."""

    aleatoric: float
    """Mean over the rows of the mean entropy of the models, nats."""

    epistemic: float
    """Mean over the rows of the mutual information between class and model, nats: their disagreement."""

    nll: float | None
    """Mean negative log-likelihood of the labels under the mean distribution, nats; null without labels."""

    accuracy: float | None
    """Share of rows whose label the mean distribution finds; null without labels."""


class TokenTargets(Section):
    """What is stored of each answered position of a language model."""

    k: int
    """Likeliest tokens stored of each position."""

    sampled: int
    """Tokens drawn of each position; 0 for none."""

    positions: int
    """Number of positions."""

    tail_mass_mean: float
    """Mean probability of all other tokens, whose logarithm is `tail_log_mass`."""

    tail_mass_p95: float
    """95 % point of the same, to 0.0001."""

    tail_mass_p99: float
    """99 % point of the same, to 0.0001."""


class SoftTargets(Section):
    """What lies in `distill/`."""

    temperature: Literal[1]
    """Temperature at which the logits are stored."""

    rows: dict[SplitName, Count]
    """Split → number of soft targets."""

    on_train_share: float = Field(ge=0.0, le=1.0)
    """Share of them on rows that the teacher was fitted on."""

    entropy: dict[SplitName, float]
    """Split → mean entropy of the stored distributions at temperature 1, nats. On train rows far below the
    other splits: the teacher has memorised them."""

    out_of_fold: OutOfFold | None
    """The cross-fitted targets on train rows, where there are some."""

    ensemble: dict[SplitName, EnsembleSplit] | None = None
    """Split → the targets of `finetune.ensemble`, where it is declared."""

    tokens: TokenTargets | None = None
    """What is stored a position, where the teacher is a language model."""
