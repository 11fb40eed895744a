"""How well a base classifies before fine-tuning."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.classification.linear_probe import Features, probe, right_share
from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures, PromptedClasses
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    from datasets import Dataset

PROBE_ROWS = 2_000
PROBE_BATCH = 32


def measure_baseline(
    task: Kind, model: Any, processor: Any, train: "Dataset", validation: "Dataset"
) -> dict[str, Any]:
    """Simple classifiers on the backbone's frozen features, see `probe`, and the base's own predictions.

    A base without a new head predicts without training: this accuracy is `zero_shot`.

    Raises:
        BaseModelError: the base cannot distinguish two classes.
    """
    sampled = [sample(rows, PROBE_ROWS, SEED) for rows in (train, validation)]
    processor = task.cache_shared_inputs(model, processor)
    if prompted := task.capability(PromptedClasses):
        prompted.check_classes(model, processor, sampled[0])
    features = [
        _outputs(task.require(FrozenFeatures).features, task, model, processor, rows) for rows in sampled
    ]
    labels = [np.asarray(rows["label"], dtype=np.int64) for rows in sampled]
    measured = probe(features[0], labels[0], features[1], labels[1])
    if not task.has_new_head:
        predicted = _outputs(task.logits, task, model, processor, sampled[1]).argmax(axis=1)
        measured["accuracy"]["zero_shot"] = right_share(predicted, labels[1])
    return measured


def _outputs(method: Callable[..., Any], task: Kind, model: Any, processor: Any, rows: "Dataset") -> Features:
    """The outputs of a method of the task for all rows, `[N, H]` in their order.

    Batches of similar length need little padding.
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
            parts.append(method(model, inputs))
    features = torch.cat(parts).numpy()
    restored: Features = features[np.argsort(order)]
    return restored


def describe_baseline(untrained: Mapping[str, Any]) -> Iterator[str]:
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


def headline(untrained: Mapping[str, Any]) -> str:
    """The accuracy to beat."""
    return f"untrained accuracy {untrained['accuracy']['linear_probe']['value']:.3f} (linear probe)"
