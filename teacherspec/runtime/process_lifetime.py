"""A stage never outlives the command that started it, and processes of one launch know of each other."""

import atexit
import ctypes
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1

POLL_SECONDS = 0.1
"""How often a stage that runs below a shell checks whether DVC still runs."""

LAUNCH = "TEACHERSPEC_LAUNCH"
"""Environment variable with the folder through which the processes of one launch share small facts."""

SUPERVISOR = "supervisor"
"""File in it: id of the process that started the others, where this library started them."""

HARDWARE = "hardware.json"
"""File in it: the hardware that the main process computed on."""

LAUNCHER_SECONDS = 5.0
"""How long a failed process waits to be ended by the launcher, in case another process failed first."""

KILLED = 128 + signal.SIGKILL


def stage_of_dvc() -> str | None:
    """Name of the stage as which DVC started this process; None where it was started by hand."""
    name = os.environ.get("DVC_STAGE")
    return name.rpartition(":")[2] if name else None


def in_experiment() -> bool:
    """Whether DVC runs this process for an experiment, whose params are set in `params.yaml` itself."""
    return "DVC_EXP_NAME" in os.environ


def die_with_parent() -> None:
    """Have the kernel kill this process when DVC ends, so that no orphan trains next to the next run.

    Does nothing outside a DVC stage (a stage started by hand may be sent to the background on purpose),
    and where the kernel is not Linux.
    """
    if stage_of_dvc() is not None:
        die_with(os.getppid(), same_session=True)
        if sys.platform.startswith("linux"):
            _die_with_dvc()


def _die_with_dvc() -> None:
    """Die with DVC also where a shell runs between them, for which the kernel's signal is not enough.

    DVC runs every stage by `$SHELL -c`. Bash becomes the stage by `exec`; dash and others wait for it: they
    survive when DVC is killed, and the stage with them. The shell then gets another parent, which a thread
    notices.
    """
    shell = _shell_of_dvc()
    if shell is None:
        return
    dvc = _parent_of(shell)
    if dvc is None or _in_other_session(dvc):
        raise SystemExit(KILLED)

    def watch() -> None:
        while _parent_of(shell) == dvc:
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="die with DVC", daemon=True).start()


def _shell_of_dvc() -> int | None:
    """The shell that DVC started; None where it became this process.

    DVC sets a variable for its shell that it does not have itself.
    """
    mark = f"DVC_STAGE={os.environ['DVC_STAGE']}".encode()
    shell, pid = None, os.getppid()
    with suppress(OSError):  # it has ended meanwhile, or belongs to another user: not DVC's shell
        while pid and mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            shell, pid = pid, _parent_of(pid) or 0
    return shell


def _parent_of(pid: int) -> int | None:
    """The parent of a process on Linux; None where the process has ended."""
    try:
        # The name, in brackets, may contain anything; state and parent follow it.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def is_launched() -> bool:
    """Whether this is one of several processes that a launcher (accelerate, torchrun) started together.

    Decided by `LOCAL_RANK`: Kubernetes sets `RANK` and `WORLD_SIZE` for pods of a job, too.
    """
    return "LOCAL_RANK" in os.environ


def launch_folder() -> Path | None:
    """The folder of the launch that this process belongs to or has started; None outside such a launch."""
    return Path(os.environ[LAUNCH]) if LAUNCH in os.environ else None


def create_launch_folder() -> Path:
    """Create the folder of a launch; processes that this one starts from now on know it."""
    folder = Path(tempfile.mkdtemp(prefix="teacherspec-launch-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[LAUNCH] = str(folder)
    return folder


def die_with_launcher() -> None:
    """Make one of several processes die with the one that started it; exits where that has ended already."""
    folder = launch_folder()
    known = folder is not None and (folder / SUPERVISOR).is_file()
    supervisor = int((folder / SUPERVISOR).read_text()) if folder and known else os.getppid()
    die_with(supervisor, same_session=False)


def print_once(message: str) -> None:
    """Write a line to stderr, once for all processes of a launch that write the same line."""
    folder = launch_folder()
    if folder is not None:
        try:
            (folder / hashlib.sha256(message.encode()).hexdigest()).open("x").close()
        except FileExistsError:
            return
        except OSError:  # a machine that does not share the folder
            pass
    sys.stderr.write(f"{message}\n")


def wait_for_launcher() -> None:
    """Before one of several processes fails: where another failed first, the launcher ends this one now.

    So only the process that failed first reports an error, and not those that were waiting for it.
    """
    if is_launched():
        time.sleep(LAUNCHER_SECONDS)


def die_with(parent: int, same_session: bool) -> None:
    """Have the kernel kill this process when `parent` ends; exits at once where it has ended already.

    Args:
        parent: id of the process that started this one.
        same_session: whether the parent is in the same session. A process that adopts orphans is in another
            one, which shows that the real parent ended before this call.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent or (same_session and _in_other_session(parent)):
        raise SystemExit(KILLED)


def _in_other_session(pid: int) -> bool:
    """Whether a process is in another session than this one, or has ended."""
    try:
        return os.getsid(pid) != os.getsid(0)
    except ProcessLookupError:
        return True


def subprocess_env(python: Path) -> dict[str, str]:
    """The environment variables of this process, with the folder of `python` first in `PATH`."""
    path = [str(python.parent), *filter(None, [os.environ.get("PATH")])]
    return {**os.environ, "PATH": os.pathsep.join(path)}
