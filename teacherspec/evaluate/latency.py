"""Inference latency on task data. Measured times are not written to any hashed file."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.runtime import machine

if TYPE_CHECKING:
    from datasets import Dataset

    from teacherspec.tasks.shared.interfaces.model import Inference

WARM_UP = 5
"""Rows run untimed first: the first calls allocate memory and choose kernels."""


def measure_latency(
    task: "Inference", model: Any, processor: Any, rows: "Dataset", examples: int, batch_size: int
) -> dict[str, Any]:
    """Percentiles of the time from raw row to logits, one row at a time, and throughput in batches.

    Returns:
        `p50_ms`, `p95_ms` per example; `examples_per_s` at `batch_size`; `examples`; `machine`.
    """
    chosen = rows.select(range(min(examples, len(rows))))
    for i in range(WARM_UP):
        _timed(task, model, processor, chosen.select([i % len(chosen)]))
    single = [_timed(task, model, processor, chosen.select([i])) for i in range(len(chosen))]
    batches = [range(i, min(i + batch_size, len(chosen))) for i in range(0, len(chosen), batch_size)]
    batched = sum(_timed(task, model, processor, chosen.select(batch)) for batch in batches)
    p50, p95 = np.percentile(np.array(single) * 1000, [50, 95])
    return {
        "p50_ms": round(float(p50), 2),
        "p95_ms": round(float(p95), 2),
        "examples_per_s": round(len(chosen) / batched, 1),
        "examples": len(chosen),
        "machine": machine.describe(),
    }


def _timed(task: "Inference", model: Any, processor: Any, rows: "Dataset") -> float:
    """Seconds from rows to logits, processing included."""
    import torch

    examples = [dict(row) for row in rows]
    began = time.perf_counter()
    with torch.inference_mode():
        batch = task.batch(processor, examples)
        task.logits(model, {key: value.to(model.device) for key, value in batch.items()}).cpu()
    return time.perf_counter() - began
