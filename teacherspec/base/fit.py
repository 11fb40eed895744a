"""Whether a base fits the task, the data and the memory, and how good it is untrained."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.lengths import length_report, sample
from teacherspec.base.memory import activation_bytes, memory_plan
from teacherspec.base.probe import Features, probe
from teacherspec.base.rehearsal import Rehearsal
from teacherspec.base.weights import Tensor
from teacherspec.errors import BaseError
from teacherspec.prepared import Prepared, open_split
from teacherspec.tasks import Task
from teacherspec.tasks.pooling import Pooling

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SEED = 0
LENGTH_ROWS = 20_000
PROBE_ROWS = 2_000
PROBE_BATCH = 32
FORWARD_ROWS = 2
FORWARD_TOKENS = 512
"""Longest input of the measured forward pass, tokens: enough to extrapolate, small enough for any machine."""

UNREAD_SHOWN = 20


def require_context(task: Task, built: Rehearsal, folder: Path) -> None:
    """Refuse inputs longer than the base can read.

    Raises:
        BaseError: `task.max_length` exceeds the base's context.
    """
    if built.context is not None and task.max_length > built.context:
        raise BaseError(
            f"task.max_length: {task.max_length} tokens are more than this base reads "
            f"({folder / 'config.json'}: {built.context}); lower it, or choose a base with a longer context"
        )


def measure_fit(
    task: Task,
    folder: Path,
    pooling: Pooling,
    prepared: Prepared,
    built: Rehearsal,
    tensors: Mapping[str, Tensor],
) -> dict[str, Any]:
    """Load the base with a new head and measure it on the prepared data; the same numbers on every run.

    Args:
        task: the declared task.
        folder: a base that passed gate and rehearsal.
        pooling: `params.yaml: base.pooling`.
        prepared: splits and label names.
        built: what the rehearsal found.
        tensors: headers of the weights.

    Raises:
        BaseError: the base does not load for this task, or gives values that are not finite.
    """
    import torch
    from datasets import disable_progress_bars

    disable_progress_bars()
    torch.manual_seed(SEED)
    model, tokenizer = task.load_base(folder, prepared.label_names, pooling=pooling)
    train, validation = (
        sample(open_split(prepared.splits[name]), LENGTH_ROWS, SEED) for name in ("train", "validation")
    )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    activations, tokens = _forward(task, model, tokenizer, train, folder)
    return {
        "architecture": type(model).__name__,
        "parameters": {"total": parameters, "backbone": built.parameters, "by_dtype": _by_dtype(tensors)},
        "unread_tensors": {"count": len(built.unread), "first": list(built.unread[:UNREAD_SHOWN])},
        "context": {"base": built.context, "declared": task.max_length},
        "vocabulary": {"embedding_rows": built.embeddings, "tokenizer": built.tokens},
        "data": _lengths(task, tokenizer, {"train": train, "validation": validation}),
        "memory_bytes": memory_plan(parameters, activations, tokens, task.max_length),
        "untrained": _probe(task, model, tokenizer, train, validation),
    }


def _by_dtype(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """Number of stored values by safetensors dtype."""
    counts: dict[str, int] = {}
    for tensor in tensors.values():
        counts[tensor.dtype] = counts.get(tensor.dtype, 0) + int(np.prod(tensor.shape, dtype=np.int64))
    return counts


def _lengths(
    task: Task, tokenizer: "PreTrainedTokenizerBase", splits: "Mapping[str, Dataset]"
) -> dict[str, Any]:
    """Length report of each split, tokenised without truncation."""
    untruncated = task.model_copy(update={"max_length": 1 << 30})
    reports: dict[str, Any] = {}
    for name, rows in splits.items():
        encoded = untruncated.encode(tokenizer, rows)
        reports[name] = length_report(
            encoded["length"], task.max_length, tokenizer.unk_token_id, encoded["input_ids"]
        )
    return reports


def _forward(
    task: Task, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", rows: "Dataset", folder: Path
) -> tuple[int, int]:
    """One forward pass on the longest of some real rows: bytes of activations, and tokens of the batch."""
    import torch

    short = task.model_copy(update={"max_length": min(task.max_length, FORWARD_TOKENS)})
    encoded = short.encode(tokenizer, rows.select(range(min(len(rows), PROBE_ROWS))))
    longest = np.argsort(-np.asarray(encoded["length"]), kind="stable")[:FORWARD_ROWS]
    batch = dict(task.collate(tokenizer)([encoded[int(row)] for row in longest]))
    del batch["labels"]
    try:
        activations, logits = activation_bytes(model, batch)
    except (RuntimeError, IndexError, ValueError) as error:
        cause = str(error).strip().split("\n", 1)[0]
        raise BaseError(
            f"{folder}: a forward pass on real rows fails: {cause}; choose another base"
        ) from error
    if not bool(torch.isfinite(logits).all()):
        raise BaseError(
            f"{folder}: a forward pass on real rows gives NaN or an infinity; choose another base"
        )
    return activations, batch["input_ids"].numel()


def _probe(
    task: Task,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    train: "Dataset",
    validation: "Dataset",
) -> dict[str, Any]:
    drawn = [sample(rows, PROBE_ROWS, SEED) for rows in (train, validation)]
    features = [_features(task, model, tokenizer, rows) for rows in drawn]
    labels = [np.asarray(rows["label"], dtype=np.int64) for rows in drawn]
    return probe(features[0], labels[0], features[1], labels[1])


def _features(
    task: Task, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", rows: "Dataset"
) -> Features:
    """Frozen features `[N, H]` in the order of the rows; batches of like length waste no padding."""
    import torch

    encoded = task.encode(tokenizer, rows)
    order = np.argsort(np.asarray(encoded["length"]), kind="stable")
    collate = task.collate(tokenizer)
    parts: list[torch.Tensor] = []
    with torch.inference_mode():
        for begin in range(0, len(order), PROBE_BATCH):
            batch = collate([encoded[int(row)] for row in order[begin : begin + PROBE_BATCH]])
            parts.append(task.features(model, batch))
    features = torch.cat(parts).numpy()
    restored: Features = features[np.argsort(order)]
    return restored
