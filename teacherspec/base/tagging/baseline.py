"""How well a base finds entities before fine-tuning: simple classifiers on the frozen features of words."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.classification.linear_probe import probe_predictions
from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.inference.tagging import WordOutputs, word_outputs
from teacherspec.metrics.scores.entity_scores import count_entities, f1_of
from teacherspec.metrics.scores.intervals import bootstrap, interval_of
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.tasks.shared.tagging_task import TaggingTask

if TYPE_CHECKING:
    from datasets import Dataset

PROBE_ROWS = 500
"""Most rows of train, and of validation, whose words are embedded: a row has a dozen words or more."""

PROBE_BATCH = 32


def measure_baseline(
    task: TaggingTask, model: Any, processor: Any, train: "Dataset", validation: "Dataset"
) -> dict[str, Any]:
    """Accuracy over words and F1 of entities of simple classifiers, with intervals over rows.

    Args:
        task: the declared task.
        model: the base.
        processor: of the base.
        train: rows that the classifiers are fitted on.
        validation: rows that they are measured on.
    """
    fitted, measured = (
        word_outputs(task, task.token_features, model, processor, sample(rows, PROBE_ROWS, SEED), PROBE_BATCH)
        for rows in (train, validation)
    )
    predicted = probe_predictions(fitted.values, _labels(fitted), measured.values)
    found = {name: _scores(task, measured, tags) for name, tags in predicted.items()}
    return {
        "fitted_on": len(fitted.values),
        "measured_on": len(measured.values),
        **{metric: {name: one[metric] for name, one in found.items()} for metric in ("accuracy", "f1")},
    }


def _labels(outputs: WordOutputs) -> IntArray:
    return outputs.tags[outputs.read].astype(np.int64)


def _scores(task: TaggingTask, outputs: WordOutputs, tags: IntArray) -> dict[str, Any]:
    """Accuracy and F1 of predicted tags `[T]`, each with its interval."""
    of_words = np.zeros(len(outputs.tags), np.int64)  # words that are not read are outside of entities
    of_words[outputs.read] = tags
    rows = len(outputs.words)
    counts = count_entities(outputs.words, outputs.tags, of_words, task.tags).sum(axis=1)  # [N, 3]
    right = np.bincount(
        np.repeat(np.arange(rows), outputs.words), weights=of_words == outputs.tags, minlength=rows
    )

    def statistic(chosen: IntArray) -> FloatArray:
        accuracy = right[chosen].sum() / outputs.words[chosen].sum()
        return np.array([accuracy, f1_of(counts[chosen].sum(axis=0))])

    draws = bootstrap(statistic, rows, seed=SEED)
    return {
        name: asdict(interval_of(float(draws.observed[at]), draws.resampled[:, at]))
        for at, name in enumerate(("accuracy", "f1"))
    }


def describe_baseline(untrained: Mapping[str, Any]) -> Iterator[str]:
    """The classifiers as a table."""
    yield "## Untrained\n"
    yield (
        f"Simple classifiers on frozen features of words, fitted on {untrained['fitted_on']} words of "
        "train, measured "
        f"on {untrained['measured_on']} of validation. Fine-tuning must beat them.\n"
    )
    yield "| classifier | F1 of entities | 95 % interval | accuracy over words | 95 % interval |"
    yield "|---|--:|--:|--:|--:|"
    for name in untrained["f1"]:
        cells = []
        for metric in ("f1", "accuracy"):
            found = untrained[metric][name]
            cells += [f"{found['value']:.3f}", f"{found['low']:.3f}–{found['high']:.3f}"]
        yield f"| {name.replace('_', ' ')} | {' | '.join(cells)} |"
    yield ""


def headline(untrained: Mapping[str, Any]) -> str:
    """The F1 to beat."""
    return f"untrained linear probe: F1 {untrained['f1']['linear_probe']['value']:.3f} of validation entities"
