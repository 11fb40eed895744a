"""A killed parent takes its stage with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from teacherspec.errors import UserError
from teacherspec.runtime.file_lock import exclusive_lock

CHILD = """
import time
from teacherspec.runtime.process_lifetime import die_with_parent
die_with_parent()
print("up", flush=True)
time.sleep(60)
"""
HOLDER = """
import sys, time
from pathlib import Path
from teacherspec.runtime.file_lock import exclusive_lock
with exclusive_lock(Path(sys.argv[1]), "work"):
    print("up", flush=True)
    time.sleep(60)
"""
# As DVC: a shell with the name of the stage in its environment, which becomes the command or waits for it.
BECOMES, WAITS = 'exec "$0" -c "$1"', '"$0" -c "$1"; exit $?'
PARENT = f"""
import os, subprocess, sys
shell, *stage = sys.argv[1:]
environment = os.environ | dict.fromkeys(["DVC_STAGE"], *stage) if stage else None
subprocess.run(["/bin/sh", "-c", shell, sys.executable, {CHILD!r}], env=environment)
"""


def descendants_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children]


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's signal exists on Linux only")
@pytest.mark.parametrize("shell", [BECOMES, WAITS], ids=["becomes", "waits"])
@pytest.mark.parametrize(("stage", "survives"), [(["finetune"], False), ([], True)])
def test_a_stage_dies_with_dvc_but_not_with_a_shell(shell: str, stage: list[str], survives: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DVC_STAGE"}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, shell, *stage], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    (child,) = descendants_of(parent.pid)
    if shell == WAITS:
        (child,) = descendants_of(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + (2 if survives else 20)
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        assert alive(child) is survives
    finally:
        if alive(child):
            os.kill(child, signal.SIGKILL)


def test_the_second_is_told_who_is_first_and_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    lock = tmp_path / "run.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "up\n"
    with (
        pytest.raises(UserError, match=rf"process {holder.pid} is doing this already"),
        exclusive_lock(lock, "work"),
    ):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with exclusive_lock(lock, "work"):
        pass
