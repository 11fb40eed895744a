"""Runs work on untrusted files in a child process with limits on time and memory.

A tokenizer file can contain a regular expression that never ends, a config can declare a million layers, a
Parquet page can unpack to gigabytes, a decoder can crash. In a child none of it takes more than it may, and
a crash is a message.
"""

import ctypes
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from teacherspec.runtime.process_lifetime import die_with

PRELOADED = [
    "torch",
    "transformers.modeling_layers",
    "transformers.tokenization_utils_tokenizers",
    "datasets",
]
"""Imported once, in the process that children are forked from."""

HUB = "huggingface_hub.constants"
"""The module by which libraries decide whether they may ask the hub."""

M_ARENA_MAX = -8
"""`mallopt` parameter of glibc: how many heaps threads share. Each reserves 64 MB of addresses, which would
count as memory here."""

ARENAS = 4
STACK_BYTES = 16 << 20
"""Addresses that each thread of a computation may take besides its data."""

Work = Callable[[Any], Iterator[Any]]
"""A function of a module: from a request to messages; both can be pickled."""


@dataclass(frozen=True)
class Limits:
    """What a child may use.

    Attributes:
        cpu_seconds: processor time of all its threads, counted after the libraries are imported.
        memory_bytes: memory beyond the libraries.
        wall_seconds: time until it is killed, importing included.
        writes: whether it may write files.
    """

    cpu_seconds: int
    memory_bytes: int
    wall_seconds: float
    writes: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of the work.

    Attributes:
        messages: all that it sent before it ended.
        failure: why it did not end as it should; None where it did.
    """

    messages: tuple[Any, ...]
    failure: str | None


def run_bounded(work: Work, request: Any, limits: Limits) -> Outcome:
    """Run `work(request)` to its end in a child process that is offline, silent and limited.

    An exception of the work is a failure, as its first line, and so is whatever ends the child.
    """
    # A fork of a clean process: this one may already run threads, which a fork would not survive.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED, work.__module__])
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(work, request, limits, Path.cwd(), sender), daemon=True)
    child.start()
    sender.close()
    try:
        messages, late = _receive(receiver, limits.wall_seconds)
    finally:
        if child.is_alive():
            child.join(timeout=1)
            child.kill()
        child.join()
    ends = [value for kind, value in messages if kind == "end"]
    sent = tuple(value for kind, value in messages if kind == "message")
    if ends:
        return Outcome(sent, ends[0])
    if late:
        return Outcome(sent, f"takes longer than {limits.wall_seconds:g} s")
    return Outcome(sent, _reason(child.exitcode, limits))


def _receive(receiver: Connection, wall_seconds: float) -> tuple[list[tuple[str, Any]], bool]:
    """All messages of the child until it ends or its time is over, and whether that was so."""
    messages: list[tuple[str, Any]] = []
    deadline = time.monotonic() + wall_seconds
    late = True
    while receiver.poll(max(0.0, deadline - time.monotonic())):
        try:
            messages.append(receiver.recv())
        except (EOFError, OSError):
            late = False
            break
    receiver.close()
    return messages, late


def _reason(status: int | None, limits: Limits) -> str:
    """Why the child ended without a result."""
    memory = f"{limits.memory_bytes / (1 << 30):.1f} GiB"
    if status == -signal.SIGXCPU:
        return f"takes longer than {limits.cpu_seconds} s of processor time"
    if status == -signal.SIGABRT:  # how libraries in C++ and Rust end when they get no memory
        return f"ends the process, or asks for more memory than allowed ({memory})"
    if status == -signal.SIGKILL:
        return f"is killed: takes longer than {limits.cpu_seconds} s, or the machine has too little memory"
    if status is not None and status < 0:
        return f"crashes the process ({signal.Signals(-status).name})"
    return f"ends the process with status {status}, or asks for more memory than allowed ({memory})"


def _run(work: Work, request: Any, limits: Limits, folder: Path, sender: Connection) -> None:
    """In the child: send every message of the work, and at last `("end", None)` or why it failed."""
    die_with(os.getppid(), same_session=False)
    os.chdir(folder)
    _isolate()
    failure = None
    try:
        _limit(limits)
        for message in work(request):
            sender.send(("message", message))
    except MemoryError:
        failure = f"asks for more memory than allowed ({limits.memory_bytes / (1 << 30):.1f} GiB)"
    except BaseException as error:  # hostile files make libraries raise anything, panics of Rust included
        failure = str(error).strip().split("\n", 1)[0][:300] or type(error).__name__
    sender.send(("end", failure))


def _isolate() -> None:
    """No hub, whatever a file names, and no output on the terminal."""
    if hub := sys.modules.get(HUB):  # preloaded, so that the variable comes too late for it
        vars(hub)["HF_HUB_OFFLINE"] = True
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    sys.stdout.flush()
    sys.stderr.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _limit(limits: Limits) -> None:
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(used.ru_utime + used.ru_stime) + 1 + limits.cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    threads = STACK_BYTES * (os.cpu_count() or 1)
    memory = pages * resource.getpagesize() + limits.memory_bytes + threads
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not limits.writes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
