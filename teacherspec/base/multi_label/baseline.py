"""How well a base predicts several labels before fine-tuning: logistic regression for each label."""

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.inference.multi_label import given_labels
from teacherspec.inference.row_outputs import row_outputs
from teacherspec.metrics.scores.multi_label import decide
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    from datasets import Dataset

PROBE_ROWS = 2_000
PROBE_BATCH = 32
LINEAR_ITERATIONS = 500
MEASURES = ("mean_average_precision", "macro_f1", "subset_accuracy")
"""What is reported of each simple classifier."""

Features = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int8]


def measure_baseline(
    task: Kind, model: Any, processor: Any, train: "Dataset", validation: "Dataset"
) -> dict[str, Any]:
    """Logistic regressions on the backbone's frozen features, and the frequency of each label."""
    sampled = [sample(rows, PROBE_ROWS, SEED) for rows in (train, validation)]
    processor = task.cache_shared_inputs(model, processor)
    method = task.require(FrozenFeatures).features
    features = [row_outputs(task, method, model, processor, rows, PROBE_BATCH) for rows in sampled]
    labels = [given_labels(rows, len(model.config.id2label)) for rows in sampled]
    return probe(features[0], labels[0], features[1], labels[1])


def probe(train: Features, train_labels: Labels, test: Features, test_labels: Labels) -> dict[str, Any]:
    """Quality of the labels' frequencies, and of one logistic regression a label.

    With L2 penalty 1 on standardised features; a label that no train row or every one has is predicted by its
    frequency.

    Args:
        train: `[N, H]` frozen features the probes are fitted on.
        train_labels: `[N, C]`.
        test: `[M, H]` frozen features the probes are measured on.
        test_labels: `[M, C]`.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    scaled, held_out = scaler.transform(train), scaler.transform(test)
    frequencies = np.tile(train_labels.mean(axis=0), (len(test), 1))
    probs = frequencies.copy()
    with warnings.catch_warnings():
        # A probe stopped early is still a probe.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for label in np.flatnonzero(np.ptp(train_labels, axis=0)):
            linear = LogisticRegression(max_iter=LINEAR_ITERATIONS, tol=1e-3)
            fitted = linear.fit(scaled, train_labels[:, label])
            probs[:, label] = fitted.predict_proba(held_out)[:, 1]
    measured = {"label_frequencies": frequencies, "linear_probe": probs}
    numbers = {
        name: decide(scores, test_labels.astype(bool), 0.5).numbers(np.ones(len(test)))
        for name, scores in measured.items()
    }
    return {
        "fitted_on": len(train),
        "measured_on": len(test),
        **{name: {measure: found[measure] for measure in MEASURES} for name, found in numbers.items()},
    }


def describe_baseline(untrained: Mapping[str, Any]) -> Iterator[str]:
    """The probes as a table."""
    yield "## Untrained\n"
    yield (
        f"Simple classifiers on frozen features, fitted on {untrained['fitted_on']} training examples, "
        f"measured on {untrained['measured_on']} validation examples. Fine-tuning must beat them.\n"
    )
    yield "| classifier | mean average precision | macro F1 at 0.5 | subset accuracy |"
    yield "|---|--:|--:|--:|"
    for name in ("label_frequencies", "linear_probe"):
        cells = (f"{untrained[name][measure]:.3f}" for measure in MEASURES)
        yield f"| {name.replace('_', ' ')} | {' | '.join(cells)} |"
    yield ""


def headline(untrained: Mapping[str, Any]) -> str:
    """The mean average precision to beat."""
    found = untrained["linear_probe"]["mean_average_precision"]
    return f"untrained mean average precision {found:.3f} (logistic regressions)"
