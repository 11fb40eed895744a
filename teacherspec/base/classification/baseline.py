"""How good a base is before fine-tuning, by the form of the task's predictions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.generation.baseline import answers_headline, describe_answers, measure_answers
from teacherspec.base.linear_probe import Features, probe, right_share
from teacherspec.base.probe_sampling import sample
from teacherspec.base.retrieval.baseline import describe_pairs, measure_pairs, pairs_headline
from teacherspec.tasks.interfaces.capabilities import FrozenFeatures
from teacherspec.tasks.interfaces.declaration import OutputType
from teacherspec.tasks.interfaces.kind import Kind

if TYPE_CHECKING:
    from datasets import Dataset

SEED = 0
PROBE_ROWS = 2_000
PROBE_BATCH = 32


@dataclass(frozen=True)
class Untrained:
    """One way to measure a base as it is.

    Attributes:
        measure: from task, model, processor, train and validation rows to a JSON-able mapping.
        describe: from that mapping to lines of Markdown.
        headline: from that mapping to a few words for the terminal.
    """

    measure: "Callable[[Any, Any, Any, Dataset, Dataset], dict[str, Any]]"
    describe: Callable[[Mapping[str, Any]], Iterator[str]]
    headline: Callable[[Mapping[str, Any]], str]


def probe_classes(
    task: Kind, model: Any, processor: Any, train: "Dataset", validation: "Dataset"
) -> dict[str, Any]:
    """Simple classifiers on the backbone's frozen features, see `probe`, and the base's own answers.

    A base that gets no new head answers without any training: what it says is told as `zero_shot`.
    """
    drawn = [sample(rows, PROBE_ROWS, SEED) for rows in (train, validation)]
    processor = task.cache_shared_inputs(model, processor)
    features = [_asked(task.require(FrozenFeatures).features, task, model, processor, rows) for rows in drawn]
    labels = [np.asarray(rows["label"], dtype=np.int64) for rows in drawn]
    found = probe(features[0], labels[0], features[1], labels[1])
    if not task.has_new_head:
        answered = _asked(task.logits, task, model, processor, drawn[1]).argmax(axis=1)
        found["accuracy"]["zero_shot"] = right_share(answered, labels[1])
    return found


def _asked(verb: Callable[..., Any], task: Kind, model: Any, processor: Any, rows: "Dataset") -> Features:
    """What a verb makes of model and batches, `[N, H]` in the order of the rows.

    Batches of like length waste no padding.
    """
    import torch

    encoded = task.encode(processor, rows)
    lengths = task.lengths(encoded)
    order = np.arange(len(rows)) if lengths is None else np.argsort(np.asarray(lengths), kind="stable")
    collate = task.collate(processor)
    parts: list[torch.Tensor] = []
    with torch.inference_mode():
        for begin in range(0, len(order), PROBE_BATCH):
            batch = collate([encoded[int(row)] for row in order[begin : begin + PROBE_BATCH]])
            inputs = {name: part for name, part in batch.items() if name != "labels"}
            parts.append(verb(model, inputs))
    features = torch.cat(parts).numpy()
    restored: Features = features[np.argsort(order)]
    return restored


def describe_probes(untrained: Mapping[str, Any]) -> Iterator[str]:
    """The probes as a table."""
    yield "## Untrained\n"
    yield (
        f"Simple classifiers on frozen features, fitted on {untrained['fitted_on']} training examples, "
        f"measured on {untrained['measured_on']} validation examples. Fine-tuning must beat them.\n"
    )
    yield "| classifier | accuracy | 95 % interval |"
    yield "|---|--:|--:|"
    for name, share in untrained["accuracy"].items():
        interval = f"{share['low']:.3f}–{share['high']:.3f}"
        yield f"| {name.replace('_', ' ')} | {share['value']:.3f} | {interval} |"
    yield ""


def probe_headline(untrained: Mapping[str, Any]) -> str:
    """The accuracy to beat."""
    return f"untrained accuracy {untrained['accuracy']['linear_probe']['value']:.3f} (linear probe)"


UNTRAINED: Mapping[OutputType, Untrained] = {
    "classification": Untrained(probe_classes, describe_probes, probe_headline),
    "retrieval": Untrained(measure_pairs, describe_pairs, pairs_headline),
    "generation": Untrained(measure_answers, describe_answers, answers_headline),
}
"""One entry a form of predictions."""
