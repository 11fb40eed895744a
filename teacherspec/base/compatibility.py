"""Measures a base on the prepared data: parameters, memory, fit to the task, untrained quality."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.baseline import Measure
from teacherspec.base.memory_estimate import activation_bytes, memory_plan
from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.errors import BaseModelError
from teacherspec.model_files.safetensors_check import Tensor
from teacherspec.runtime.atomic_io import read_json
from teacherspec.splits import Prepared, open_split
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary, MemoryProbe
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.shared.tied_head import is_tied

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FIT_ROWS = 20_000
UNREAD_SHOWN = 20


def measure_fit(
    task: Kind,
    folder: Path,
    start: ModelInit,
    prepared: Prepared,
    built: BaseSummary,
    tensors: Mapping[str, Tensor],
    measure_baseline: Measure,
) -> dict[str, Any]:
    """Load the base with a new head and measure it on the prepared data; the same numbers on every run.

    Args:
        task: the declared task.
        folder: a base that passed the security scan and loaded in the sandbox.
        start: how the base becomes the model to train.
        prepared: splits and label names.
        built: summary of the base from the sandbox.
        tensors: headers of the weights.
        measure_baseline: measures the untrained base.

    Raises:
        BaseModelError: the base does not load for this task, or gives values that are not finite.
    """
    import torch
    from datasets import disable_progress_bars

    disable_progress_bars()
    torch.manual_seed(SEED)
    model, processor = task.load_base(folder, prepared.label_names, start)
    train, validation = (
        sample(open_split(prepared.splits[name]), FIT_ROWS, SEED) for name in ("train", "validation")
    )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    probe = task.memory_probe(processor, train)
    activations = forward_pass(task, model, probe, folder)
    return {
        "architecture": type(model).__name__,
        "parameters": {"total": parameters, "backbone": built.parameters, "by_dtype": _by_dtype(tensors)},
        **_head(model, folder),
        "unread_tensors": {"count": len(built.unread), "first": list(built.unread[:UNREAD_SHOWN])},
        **task.fit_report(processor, {"train": train, "validation": validation}, built),
        "memory_bytes": memory_plan(parameters, activations, probe),
        "untrained": measure_baseline(task, model, processor, train, validation),
    }


def _head(model: "PreTrainedModel", folder: Path) -> dict[str, Any]:
    """Whether the head of a language model is tied to the token embedding, and what its config says."""
    tied = is_tied(model)
    if tied is None:
        return {}
    declared = read_json(folder / "config.json").get("tie_word_embeddings")
    return {"head": {"tied": tied, "declared_tied": declared}}


def _by_dtype(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """Number of stored values by safetensors dtype."""
    counts: dict[str, int] = {}
    for tensor in tensors.values():
        counts[tensor.dtype] = counts.get(tensor.dtype, 0) + int(np.prod(tensor.shape, dtype=np.int64))
    return counts


def forward_pass(task: Kind, model: "PreTrainedModel", probe: MemoryProbe, folder: Path) -> int:
    """One forward pass on real rows: bytes of activations.

    Raises:
        BaseModelError: it fails, or gives values that are not finite.
    """
    import torch

    try:
        activations, logits = activation_bytes(task.logits, model, probe.batch)
    except Exception as error:  # whatever the code of an architecture raises on inputs it was not made for
        cause = str(error).strip().split("\n", 1)[0]
        raise BaseModelError(
            f"{folder}: a forward pass on real rows fails: {cause}; choose another base"
        ) from error
    if not bool(torch.isfinite(logits).all()):
        raise BaseModelError(
            f"{folder}: a forward pass on real rows gives NaN or an infinity; choose another base"
        )
    return activations
