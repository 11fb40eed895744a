"""A stage never outlives the command that started it."""

import ctypes
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from teacherspec.errors import UserError

PR_SET_PDEATHSIG = 1


def stage_of_dvc() -> str | None:
    """Name of the stage as which DVC started this process; None where a person did."""
    name = os.environ.get("DVC_STAGE")
    return name.rpartition(":")[2] if name else None


def die_with_parent() -> None:
    """Ask the kernel to end this process when DVC's ends, so that no orphan trains on beside the next run.

    Does nothing outside a DVC stage (a stage started by hand may be sent to the background on purpose),
    and where the kernel is not Linux.
    """
    if stage_of_dvc() is not None:
        end_with(os.getppid(), same_session=True)


def end_with(parent: int, same_session: bool) -> None:
    """Tie this process to `parent`; ends at once if that is gone already, and another adopted this one.

    Args:
        parent: process that started this one.
        same_session: whether it did so within its own session; whoever adopts a process belongs to
            another, which tells a parent that died before it could be asked for.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        adopted = os.getppid() != parent or (same_session and os.getsid(parent) != os.getsid(0))
    except ProcessLookupError:
        adopted = True
    if adopted:
        raise SystemExit(128 + signal.SIGKILL)


def surroundings(python: Path) -> dict[str, str]:
    """The variables of this process, by which commands of the environment of `python` are found first."""
    path = [str(python.parent), *filter(None, [os.environ.get("PATH")])]
    return {**os.environ, "PATH": os.pathsep.join(path)}


@contextmanager
def alone(lock: Path, doing: str, patience_seconds: float = 0.0) -> Iterator[int]:
    """Hold `lock` for the block. The kernel lets go of it however the process ends: never a stale lock.

    Yields the file descriptor; a child that inherits it holds the lock too, until it ends.

    Args:
        lock: a file that is created and stays.
        doing: what the holder does, for the message to whoever comes second.
        patience_seconds: how long to wait for a holder, which a kill may just be ending.

    Raises:
        UserError: another process holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+", encoding="utf-8") as file:
        deadline = time.monotonic() + patience_seconds
        while not _taken(file):
            if time.monotonic() >= deadline:
                file.seek(0)
                raise UserError(
                    f"{doing}: process {file.read().strip() or 'unknown'} is at it already; "
                    "wait for it or end it"
                )
            time.sleep(0.05)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


def _taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
