"""A stage never outlives the command that started it."""

import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from teacherspec.errors import UserError

PR_SET_PDEATHSIG = 1

WATCH_SECONDS = 0.1
"""How often a stage below a shell looks whether DVC still runs."""


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
        if sys.platform.startswith("linux"):
            _end_with_dvc()


def _end_with_dvc() -> None:
    """End this process when DVC ends though a shell stands between them, which the kernel's signal misses.

    DVC runs every stage by `$SHELL -c`. Bash becomes the stage; dash and others wait for it, outlive a
    killed DVC and leave the stage training. The shell's parent then is whoever adopts orphans, which a
    thread notices.
    """
    above = _below_dvc()
    if above is None:
        return
    dvc = _parent_of(above)
    if dvc is None or _adopted_by(dvc):
        raise SystemExit(128 + signal.SIGKILL)

    def watch() -> None:
        while _parent_of(above) == dvc:
            time.sleep(WATCH_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="end with DVC", daemon=True).start()


def _below_dvc() -> int | None:
    """The shell that DVC started; None where it became this process.

    DVC gives its shell a variable that it does not have itself.
    """
    mark = f"DVC_STAGE={os.environ['DVC_STAGE']}".encode()
    below, pid = None, os.getppid()
    with suppress(OSError):  # it ended meanwhile, or is another user's: not DVC's shell
        while pid and mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            below, pid = pid, _parent_of(pid) or 0
    return below


def _parent_of(pid: int) -> int | None:
    """The parent of a process of Linux; None where that process has ended."""
    try:
        # The name, in brackets, may hold anything; state and parent follow it.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


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
    if os.getppid() != parent or (same_session and _adopted_by(parent)):
        raise SystemExit(128 + signal.SIGKILL)


def _adopted_by(parent: int) -> bool:
    """Whether `parent` is of another session, so not who started this process, or has ended."""
    try:
        return os.getsid(parent) != os.getsid(0)
    except ProcessLookupError:
        return True


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
