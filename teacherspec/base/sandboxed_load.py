"""Builds a base without its weights in a child process with limits on processor time and memory.

A tokenizer file can contain a regular expression that never ends, a config can declare a million layers, a
chat template can loop. So configuration, architecture and tokenizer are loaded in a child process first; the
model is on torch's meta device, where tensors have shapes only.
"""

import multiprocessing
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from teacherspec.base import sandbox_worker
from teacherspec.errors import BaseModelError
from teacherspec.spec.base import Init
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary

CPU_LIMIT_SECONDS = 120
MEMORY_LIMIT_BYTES = 4 << 30
WALL_LIMIT_SECONDS = 900
FLOAT32_BYTES = 4
MISSING_LIMIT_BYTES = 4 << 30
"""Most bytes of weights that a base may lack beyond the size of its files: a text tower, a new head."""
PRELOADED = ["torch", "transformers.modeling_layers", "transformers.tokenization_utils_tokenizers"]


def load_in_sandbox(
    folder: Path,
    texts: Sequence[str],
    cpu_seconds: int = CPU_LIMIT_SECONDS,
    memory_bytes: int = MEMORY_LIMIT_BYTES,
    init: Init = "pretrained",
) -> BaseSummary:
    """Build the base of a folder that passed the security scan, in a child process and without its weights.

    Args:
        folder: the base.
        texts: real inputs for the tokenizer; empty for none.
        cpu_seconds: limit on processor time, counted after the libraries are imported.
        memory_bytes: limit on memory beyond the libraries and the files of weights.
        init: whether the files of weights are compared with the config too.

    Raises:
        BaseModelError: a step fails, runs too long or asks for too much memory; a tensor has another
            shape than the config declares; the tokenizer has more tokens than the embedding has rows.
    """
    request = sandbox_worker.Request(
        folder.resolve(),
        tuple(texts),
        cpu_seconds,
        memory_bytes + sum(path.stat().st_size for path in folder.glob("*.safetensors")),
        init == "pretrained",
    )
    # A fork of a clean process: this one may already run threads, which a fork would not survive.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=sandbox_worker.run, args=(request, sender), daemon=True)
    child.start()
    sender.close()
    messages = _receive(receiver)
    if child.is_alive():
        child.join(timeout=1)
        child.kill()
    child.join()
    step = next((text for kind, text in reversed(messages) if kind == "step"), "importing transformers")
    results = dict(messages)
    if "built" in results:
        return _checked(folder, results["built"])
    raise BaseModelError(f"{folder}: {step}: {results.get('error') or _reason(child.exitcode, cpu_seconds)}")


def _receive(receiver: Connection) -> list[tuple[str, Any]]:
    """All messages of the child until it ends or its time is over."""
    messages: list[tuple[str, Any]] = []
    deadline = time.monotonic() + WALL_LIMIT_SECONDS
    while receiver.poll(max(0.0, deadline - time.monotonic())):
        try:
            messages.append(receiver.recv())
        except EOFError:
            break
    receiver.close()
    return messages


def _reason(status: int | None, cpu_seconds: int) -> str:
    """Why the child ended without a result."""
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"takes longer than {cpu_seconds} s of processor time; choose another base"
    return f"ends the process with status {status}, or asks for more memory than allowed; choose another base"


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
