"""What candidates for a classifier are ranked by: how well their frozen features separate the classes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.base.candidates.scores import Score, Scores, mean_over_rows, over_half_samples
from teacherspec.base.classification.linear_probe import NEIGHBOURS
from teacherspec.base.classification.transferability import h_score, logme
from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.inference.linear_probe import LinearProbe, best_scaled, penalised_fits
from teacherspec.inference.row_outputs import row_outputs
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

ROWS = 2_000
"""Most rows of train, and of validation, whose features are computed."""

BATCH = 32
Features = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def candidate_scores(
    task: Kind, model: Any, processor: Any, train: "Dataset", validation: "Dataset"
) -> Scores:
    """The scores by name; the features of a row are computed once.

    The linear probe reads what fine-tuning starts from, the features of the last layer; the others read the
    mean over the layers, which ranks language models better (LogME: r = 0.86 instead of 0.58 with the
    fine-tuned results of 20 models on 6 tasks, ACL Findings 2024, 757).

    Args:
        task: the declared task.
        model: of the candidate.
        processor: of the model.
        train: rows that the probes are fitted on.
        validation: rows that they are measured on.
    """
    sampled = [sample(rows, ROWS, SEED) for rows in (train, validation)]
    processor = task.cache_shared_inputs(model, processor)
    last, mean = zip(*(_features(task, model, processor, rows) for rows in sampled), strict=True)
    labels = [np.asarray(rows["label"], dtype=np.int64) for rows in sampled]
    ones = np.ones(len(labels[1]))

    def evidence(statistic: Callable[[Features, Labels], float]) -> Score:
        return over_half_samples(lambda half: statistic(mean[0][half], labels[0][half]), len(labels[0]))

    return {
        "linear_probe": mean_over_rows(probe_nll(last, labels), ones, higher_is_better=False),
        "nearest_neighbours": mean_over_rows(neighbours_right(mean, labels), ones, higher_is_better=True),
        "logme": evidence(logme),
        "h_score": evidence(h_score),
    }


def _features(task: Kind, model: Any, processor: Any, rows: "Dataset") -> tuple[Features, Features]:
    """`[N, H]` of the last layer, and the mean over the layers."""
    import torch

    frozen = task.require(FrozenFeatures)

    def both(model: Any, batch: Any) -> torch.Tensor:
        layers = frozen.layer_features(model, batch)
        return torch.stack([layers[:, -1], layers.mean(1)], dim=1)

    found = row_outputs(task, both, model, processor, rows, BATCH)
    return found[:, 0], found[:, 1]


def probe_nll(features: "tuple[Features, ...]", labels: list[Labels]) -> npt.NDArray[np.float64]:
    """`[M]` NLL of each validation row by a linear probe whose penalty the other half of these rows chose.

    Args:
        features: `[N, H]` of train and `[M, H]` of validation.
        labels: `[N]` and `[M]`.
    """
    import torch

    train, validation = (torch.from_numpy(np.ascontiguousarray(part)) for part in features)
    targets = [torch.from_numpy(part) for part in labels]
    fits = list(penalised_fits(train, targets[0], int(max(part.max() for part in labels)) + 1))
    found = np.empty(len(validation))
    halves = (slice(0, None, 2), slice(1, None, 2))
    for own, other in (halves, halves[::-1]):
        probe = best_scaled(fits, validation[other], targets[1][other])
        found[own] = _nll(probe, validation[own], targets[1][own])
    return found


def _nll(probe: LinearProbe, features: "torch.Tensor", labels: "torch.Tensor") -> npt.NDArray[np.float64]:
    from torch.nn.functional import cross_entropy

    losses: npt.NDArray[np.float64] = cross_entropy(
        probe.logits(features).double(), labels, reduction="none"
    ).numpy()
    return losses


def neighbours_right(features: "tuple[Features, ...]", labels: list[Labels]) -> npt.NDArray[np.bool_]:
    """`[M]`, which validation rows the nearest training rows by cosine similarity classify right."""
    from sklearn.neighbors import KNeighborsClassifier

    neighbours = KNeighborsClassifier(min(NEIGHBOURS, len(labels[0])), metric="cosine", weights="distance")
    predicted = neighbours.fit(features[0], labels[0]).predict(features[1])
    right: npt.NDArray[np.bool_] = predicted == labels[1]
    return right
