"""A stage never outlives the command that started it."""

import atexit
import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import sys
import tempfile
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

LAUNCH = "TEACHERSPEC_LAUNCH"
"""Variable that names a folder of this launch, through which its processes tell each other."""

SUPERVISOR = "supervisor"
"""File in it: number of the process that started the others, where it did so itself."""

HARDWARE = "hardware.json"
"""File in it: what the first process computed on."""

SECONDS_TO_BE_ENDED = 5.0
"""How long a failed process waits for its end, should it have failed because another did."""


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


def is_launched() -> bool:
    """Whether this is one of the processes that a launcher (accelerate, torchrun) started together.

    By `LOCAL_RANK`: `RANK` and `WORLD_SIZE` alone are also what Kubernetes tells a pod of its job.
    """
    return "LOCAL_RANK" in os.environ


def launch_folder() -> Path | None:
    """The folder of the launch that this process belongs to or has begun; None outside a launch of ours."""
    return Path(os.environ[LAUNCH]) if LAUNCH in os.environ else None


def announce_launch() -> Path:
    """Make the folder of a launch, known to the processes that this one starts from now on."""
    folder = Path(tempfile.mkdtemp(prefix="teacherspec-launch-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[LAUNCH] = str(folder)
    return folder


def die_with_launcher() -> None:
    """Tie one of several processes to the one that started it; ends at once if that is gone already."""
    folder = launch_folder()
    known = folder is not None and (folder / SUPERVISOR).is_file()
    supervisor = int((folder / SUPERVISOR).read_text()) if folder and known else os.getppid()
    end_with(supervisor, same_session=False)


def say(message: str) -> None:
    """Write a line to stderr; what several processes have to say in the same words is said once."""
    folder = launch_folder()
    if folder is not None:
        try:
            (folder / hashlib.sha256(message.encode()).hexdigest()).open("x").close()
        except FileExistsError:
            return
        except OSError:  # a machine that does not see the folder
            pass
    sys.stderr.write(f"{message}\n")


def await_end() -> None:
    """Before one of several processes fails: if another's end was the cause, the launcher ends this one now.

    So that the cause is the only one to speak, and not those whom it left waiting.
    """
    if is_launched():
        time.sleep(SECONDS_TO_BE_ENDED)


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
