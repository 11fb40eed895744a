"""Builds a base without its weights, and tries it on the rows, in a child process with limits.

Configuration, architecture, tokenizer and processor are loaded there first; the model is on torch's meta
device, where tensors have shapes only. Then every row of every split goes through the processor as it will
in later stages, which know the same rows and the same files, so that none of them meets a surprise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.base import sandbox_worker
from teacherspec.errors import BaseModelError
from teacherspec.runtime.bounded_child import Limits, run_bounded
from teacherspec.spec.base import Init
from teacherspec.splits import Split
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary
from teacherspec.tasks.shared.interfaces.kind import Kind

CPU_LIMIT_SECONDS = 120
"""Processor time for loading; the rows add to it."""

ROW_BYTES_PER_SECOND = 25_000
"""Bytes of prepared rows for which the child gets a second more. A tokenizer does a hundred times as many."""

MEMORY_LIMIT_BYTES = 4 << 30
FLOAT32_BYTES = 4
MISSING_LIMIT_BYTES = 4 << 30
"""Most bytes of weights that a base may lack beyond the size of its files: a text tower, a new head."""
WALL_FACTOR = 7.5
"""How much longer than its processor time a child may take on a machine with other work."""


@dataclass(frozen=True)
class ProbeRows:
    """The rows that the base is tried on.

    Attributes:
        task: the declared task.
        splits: all prepared splits by name.
    """

    task: Kind
    splits: Mapping[str, Split]


def load_in_sandbox(
    folder: Path,
    probe_rows: ProbeRows | None = None,
    cpu_seconds: int = CPU_LIMIT_SECONDS,
    memory_bytes: int = MEMORY_LIMIT_BYTES,
    init: Init = "pretrained",
) -> BaseSummary:
    """Build the base of a folder that passed the security scan, in a child process and without its weights.

    Args:
        folder: the base.
        probe_rows: rows to try tokenizer, chat template and image processor on; None for none.
        cpu_seconds: limit on processor time, counted after the libraries are imported; rows add to it.
        memory_bytes: limit on memory beyond the libraries and the files of weights.
        init: whether the files of weights are compared with the config too.

    Raises:
        BaseModelError: a step fails, runs too long or asks for too much memory; a tensor has another
            shape than the config declares; the tokenizer has more tokens than the embedding has rows.
        DataError: rows cannot be encoded, through no fault of the base.
    """
    splits = probe_rows.splits if probe_rows else {}
    cpu_seconds += sum(split.path.stat().st_size for split in splits.values()) // ROW_BYTES_PER_SECOND
    task = probe_rows.task if probe_rows else None
    request = sandbox_worker.Request(folder.resolve(), task, splits, init == "pretrained")
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    limits = Limits(cpu_seconds, memory_bytes + weights, WALL_FACTOR * cpu_seconds)
    outcome = run_bounded(sandbox_worker.run, request, limits)
    steps = [value for kind, value in outcome.messages if kind == "step"]
    results = {kind: value for kind, value in outcome.messages if kind != "step"}
    if "refused" in results:
        raise results["refused"]
    if outcome.failure is None:
        return _checked(folder, results["built"])
    step = steps[-1] if steps else "importing transformers"
    raise BaseModelError(f"{folder}: {step}: {outcome.failure}; choose another base")


def _checked(folder: Path, result: dict[str, Any]) -> BaseSummary:
    problems = [
        f"{folder}: tensor `{name}` has shape {given}, config.json declares {wanted}; correct config.json"
        for name, given, wanted in result.pop("reshaped")[:20]
    ]
    missing = FLOAT32_BYTES * result.pop("missing_values")
    if missing > MISSING_LIMIT_BYTES + sum(path.stat().st_size for path in folder.glob("*.safetensors")):
        problems.append(
            f"{folder}: config.json declares {missing >> 30} GiB of weights that its files lack; correct it"
        )
    result["unread"] = tuple(result["unread"])
    built = BaseSummary(**result)
    if built.tokens is not None and built.embeddings is not None and built.tokens > built.embeddings:
        problems.append(
            f"{folder}: the tokenizer has token ids up to {built.tokens - 1}, the embedding only "
            f"{built.embeddings} rows; use the tokenizer this model was trained with, or resize the model"
        )
    if problems:
        raise BaseModelError(problems)
    return built
