"""Run `dvc repro` so that a kill does no damage.

DVC rewrites its own files in place, so that a kill truncates them. Measured on random kills of plain DVC:
57 of 70 recovered by themselves, the others failed on every later run, with a truncated `rwlock` or
`dvc.lock`. Here `dvc.lock` is backed up before DVC writes it, truncated files are repaired before and after
the run, and no process outlives the command.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from teacherspec.errors import UserError
from teacherspec.run_records.dvc_lock import read_lock
from teacherspec.run_records.dvc_yaml import LOCK, PARAMS
from teacherspec.run_records.failed_run import after_failure, before_run
from teacherspec.runtime.atomic_io import write_bytes
from teacherspec.runtime.file_lock import exclusive_lock
from teacherspec.runtime.process_lifetime import die_with, subprocess_env
from teacherspec.runtime.project_root import project_root

RUNNING = Path(".scratch/repro.lock")
BACKUP = Path(".scratch/dvc.lock.backup")
RWLOCK = Path(".dvc/tmp/rwlock")
"""Of DVC, in the root of its project; the others are of each teacher."""

GRACE_SECONDS = 10.0
"""How long DVC and a stage may take to end after a signal, before they are killed."""

AFTER_KILL_SECONDS = 3.0
"""How long the next run waits for processes of the last one that a kill is still ending."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_dvc_repro(root: Path, arguments: Sequence[str]) -> int:
    """Run `dvc repro`; returns its exit code.

    Args:
        root: the repository.
        arguments: further arguments of `dvc repro`.

    Raises:
        UserError: another run is in progress, or `dvc.lock` holds an unresolved conflict.
    """
    with exclusive_lock(root / RUNNING, "teacherspec repro", AFTER_KILL_SECONDS) as held:
        print_to_stderr(repair(root))
        back_up(root)
        before = before_run(root)
        code = _run([sys.executable, "-m", "dvc", "repro", *arguments], root, held)
        print_to_stderr(repair(root))
        back_up(root)
        print_to_stderr(after_failure(root, before) if code else to_commit(root))
    return code


def to_commit(root: Path) -> list[str]:
    """What a build left to be committed, as a command: DVC's own hint knows only `dvc.lock`."""
    paths = [str(PARAMS), str(LOCK), "reports"]
    # The user's own git, found by PATH.
    command = ["git", "status", "--porcelain", "--untracked-files=normal", "--", *paths]
    shown = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout
    changed = [path for path in paths if any(f"{path}" in line[3:] for line in shown.splitlines())]
    return [f"To commit this build: git add {' '.join(changed)}"] if changed else []


def print_to_stderr(lines: Sequence[str]) -> None:
    """Print what was repaired."""
    for line in lines:
        print(line, file=sys.stderr)


def back_up(root: Path) -> None:
    """Copy `dvc.lock`, unless it is truncated."""
    if not _equals_backup(root) and is_complete(root):
        write_bytes(root / BACKUP, (root / LOCK).read_bytes())


def _equals_backup(root: Path) -> bool:
    """Whether `dvc.lock` is the same as its backup, and so complete: saves the second that parsing takes."""
    lock, backup = root / LOCK, root / BACKUP
    return lock.is_file() and backup.is_file() and lock.read_bytes() == backup.read_bytes()


def is_complete(root: Path) -> bool:
    """Whether `dvc.lock` exists and can be read to its end."""
    if not (root / LOCK).is_file():
        return False
    try:
        read_lock(root)
    except UserError:
        return False
    return (root / LOCK).read_bytes().endswith(b"\n")


def repair(root: Path) -> list[str]:
    """Repair DVC's own files after a kill; returns what was done, one line each.

    Stages that ran since the backup are restored from the run cache, or run again.

    Raises:
        UserError: `dvc.lock` holds an unresolved conflict, which a person must resolve.
    """
    done = []
    lock, backup = root / LOCK, root / BACKUP
    if lock.is_file() and not _equals_backup(root) and not is_complete(root):
        if b"\n<<<<<<< " in b"\n" + lock.read_bytes():
            read_lock(root)  # raises, with what to do
        if backup.is_file():
            write_bytes(lock, backup.read_bytes())
            done.append(f"{LOCK}: was truncated by a kill or a full disk; restored from its backup")
        elif (committed := _committed(root)) is not None:
            write_bytes(lock, committed)
            done.append(f"{LOCK}: was truncated; restored from git")
        else:
            lock.unlink()
            done.append(f"{LOCK}: was truncated and has no backup; removed")
    rwlock = project_root(root) / RWLOCK
    if _is_stale(rwlock):
        rwlock.unlink()
        done.append(f"{RWLOCK}: left by a run that was killed; removed")
    return done


def _committed(root: Path) -> bytes | None:
    # The user's own git, found by PATH.
    shown = subprocess.run(["git", "show", f"HEAD:./{LOCK}"], cwd=root, capture_output=True, check=False)  # noqa: S607
    return shown.stdout if shown.returncode == 0 and shown.stdout else None


def _is_stale(rwlock: Path) -> bool:
    """Whether DVC's lock file is truncated, or names processes of which none is a running DVC.

    Process numbers are reused, above all in containers; DVC would wait for the process that has it now.
    """
    if not rwlock.is_file():
        return False
    try:
        content = json.loads(rwlock.read_text(encoding="utf-8"))
        pids = set(_pids(content))
    except (ValueError, TypeError, AttributeError, KeyError):
        return True
    return bool(pids) and not any(map(_runs_dvc, pids))


def _pids(content: dict[str, dict[str, Any]]) -> Iterator[int]:
    for holders in (*content.get("read", {}).values(), *content.get("write", {}).values()):
        for holder in holders if isinstance(holders, list) else [holders]:
            if holder:
                yield int(holder["pid"])


def _runs_dvc(pid: int) -> bool:
    import psutil  # type: ignore[import-untyped]

    try:
        return any("dvc" in part for part in psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _run(command: Sequence[str], root: Path, held: int) -> int:
    """Run a command in a session of its own that ends with this process, however this process ends.

    The command inherits the lock file (`held`), so that no other run begins before it has ended, too.
    """
    parent = os.getpid()

    def end_with_parent() -> None:
        # A shell makes background processes ignore Ctrl-C; the signals passed on below must have an effect.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        die_with(parent, same_session=False)

    # There is one thread here, and the child calls only signal and prctl: safe between fork and exec.
    child = subprocess.Popen(
        command,
        cwd=root,
        # `python` in the commands of stages is this one, even where its environment is not activated.
        env=subprocess_env(Path(sys.executable)),
        start_new_session=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509
        pass_fds=(held,),
    )
    with _forwarding_signals(child) as received:
        code = child.wait()
    _end_session(child.pid)
    return 128 + received[0] if received else code


@contextmanager
def _forwarding_signals(child: "subprocess.Popen[bytes]") -> Iterator[list[int]]:
    """Forward every terminating signal to the session of `child`; kill it where it does not end in time."""
    received: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        _signal_session(child.pid, number)
        timer = threading.Timer(GRACE_SECONDS, _signal_session, (child.pid, signal.SIGKILL))
        timer.daemon = True
        timer.start()

    before = {number: signal.signal(number, forward) for number in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_session(leader: int) -> None:
    """Kill what still runs after DVC ended: a stage that it did not wait for."""
    _signal_session(leader, signal.SIGKILL)


def _signal_session(leader: int, number: int) -> None:
    """Signal the process group that DVC leads; a stage belongs to it."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return
