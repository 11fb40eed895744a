"""A stage never outlives the command that started it."""

import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from teacherspec.errors import UserError

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to end this process when DVC's ends, so that no orphan trains on beside the next run.

    Does nothing outside a DVC stage (a stage started by hand may be sent to the background on purpose),
    and where the kernel is not Linux.
    """
    parent = os.getppid()
    if "DVC_STAGE" not in os.environ or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended between the two calls
        raise SystemExit(128 + signal.SIGKILL)


@contextmanager
def alone(lock: Path, doing: str) -> Iterator[None]:
    """Hold `lock` for the block. The kernel lets go of it however the process ends: never a stale lock.

    Args:
        lock: a file that is created and stays.
        doing: what the holder does, for the message to whoever comes second.

    Raises:
        UserError: another process holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UserError(
                f"{doing}: process {file.read().strip() or 'unknown'} is at it already; wait for it or end it"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
