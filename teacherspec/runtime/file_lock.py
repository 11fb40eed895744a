"""Locks that let one process at a time do a piece of work."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import lock_descriptor

from teacherspec.errors import UserError

POLL_SECONDS = 0.05


@contextmanager
def exclusive_lock(path: Path, work: str, timeout_s: float = 0.0) -> Iterator[int]:
    """Hold the lock file `path` for the block; the kernel releases it however the process ends.

    Yields its file descriptor: a child process that inherits it holds the lock too, until it ends.

    Args:
        path: a file that is created and stays.
        work: what the holder does, for the message to another process.
        timeout_s: how long to wait for a holder, which may be about to end after a kill.

    Raises:
        UserError: another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        deadline = time.monotonic() + timeout_s
        while not lock_descriptor(file.fileno(), blocking=False):
            if time.monotonic() >= deadline:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise UserError(f"{work}: process {holder} is doing this already; wait for it, or end it")
            time.sleep(POLL_SECONDS)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()
