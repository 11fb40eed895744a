"""`teacherspec repro` repairs DVC's files, allows one run at a time, and leaves no process running."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from teacherspec.run_records.safe_repro import BACKUP, RWLOCK, back_up, repair
from tests.unit.run_records.faults import GUARDED, experiment, processes_of
from tests.unit.run_records.toy_project import ENVIRONMENT, edit, hashes, run, write_toy_repository


@pytest.mark.parametrize("left", ["", "schema: '2.0'\nstages:\n  prep", "schema: '2.0'\n", "\0\0\0"])
@pytest.mark.parametrize("source", ["copy", "git"])
def test_a_truncated_lock_is_restored(toy: Path, left: str, source: str) -> None:
    complete = (toy / "dvc.lock").read_bytes()
    if source == "copy":
        back_up(toy)
        assert (toy / BACKUP).read_bytes() == complete
    (toy / "dvc.lock").write_text(left)
    (message,) = repair(toy)
    assert message.startswith("dvc.lock: was truncated")
    assert (toy / "dvc.lock").read_bytes() == complete
    assert repair(toy) == []


def test_a_complete_lock_is_not_changed(toy: Path) -> None:
    assert repair(toy) == []


def held_by(pid: int) -> str:
    holder = {"pid": pid, "cmd": "dvc repro"}
    return json.dumps({"read": {"/a": [holder]}, "write": {"/b": holder}})


@pytest.mark.parametrize(
    "content", ["", '{"read": ', '{"read": [1]}', held_by(2**22 + 1), held_by(os.getpid())]
)
def test_a_stale_rwlock_is_removed(toy: Path, content: str) -> None:
    """Truncated, of a process that ended, and of a running one that is not DVC: its number was reused."""
    (toy / RWLOCK).parent.mkdir(parents=True, exist_ok=True)
    (toy / RWLOCK).write_text(content)
    assert [line.partition(":")[0] for line in repair(toy)] == [str(RWLOCK)]
    assert not (toy / RWLOCK).exists()


def test_the_rwlock_of_a_running_dvc_stays(toy: Path) -> None:
    dvc = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "dvc"])
    try:
        (toy / RWLOCK).parent.mkdir(parents=True, exist_ok=True)
        (toy / RWLOCK).write_text(held_by(dvc.pid))
        assert repair(toy) == []
    finally:
        dvc.kill()
        dvc.wait()


def test_plain_dvc_stays_broken_where_teacherspec_repairs(toy: Path) -> None:
    """The negative control: plain DVC fails on every later run after each of the two faults."""
    edit(toy, "stages/texts/greeting.py", "hello", "goodbye")
    back_up(toy)
    for file in ("dvc.lock", str(RWLOCK)):
        (toy / file).parent.mkdir(parents=True, exist_ok=True)
        (toy / file).write_text("{")
        assert run(toy, "dvc", "repro", code=None).returncode != 0
    message = run(toy, *GUARDED).stderr
    assert "dvc.lock: was truncated" in message
    assert f"{RWLOCK}: left by a run that was killed" in message


def started(root: Path, **environment: str) -> subprocess.Popen[str]:
    """A run of `teacherspec repro` whose training has begun."""
    process = subprocess.Popen(
        GUARDED,
        cwd=root,
        env={**ENVIRONMENT, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list((root / ".scratch/train").glob("*.json")):
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.02)
    return process


def long_training(root: Path, steps: int) -> None:
    old, new = "steps: 4, rate: 1.0e-3, pause: 0.0", f"steps: {steps}, rate: 1.0e-3, pause: 0.2"
    edit(root, "params.yaml", old, new)


def wait_for_processes(root: Path) -> int:
    deadline = time.monotonic() + 20
    while (left := processes_of(root)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return len(left)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a process with its parent")
@pytest.mark.parametrize(
    ("number", "shell"),
    [
        pytest.param(signal.SIGKILL, "exec $command", marks=pytest.mark.slow),  # as bash does
        (signal.SIGKILL, "$command; exit $?"),  # as dash does: it outlives DVC
        pytest.param(signal.SIGTERM, "$command; exit $?", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "$command; exit $?", marks=pytest.mark.slow),
    ],
)
def test_a_signal_leaves_no_process_and_training_resumes_from_its_checkpoint(
    toy: Path, tmp_path: Path, number: signal.Signals, shell: str
) -> None:
    script = tmp_path / "shell"
    script.write_text(f'#!/bin/sh\ncommand="$2"\n{shell}\n')
    script.chmod(0o755)
    long_training(toy, steps=20)
    process = started(toy, SHELL=str(script))
    process.send_signal(number)
    process.communicate()
    assert wait_for_processes(toy) == 0
    (checkpoint,) = (toy / ".scratch/train").glob("*.json")
    assert 1 <= json.loads(checkpoint.read_text())["step"] < 20
    run(toy, *GUARDED)
    assert json.loads((toy / "artifacts/train/model.json").read_text())["step"] == 20
    assert not checkpoint.exists()


def test_the_second_of_two_runs_is_refused_by_name(toy: Path) -> None:
    long_training(toy, steps=1000)  # ended below
    first = started(toy)
    try:
        second = run(toy, *GUARDED, code=1)
        assert f"teacherspec repro: process {first.pid} is doing this already" in second.stderr
        plain = run(toy, "dvc", "repro", code=None)
        assert plain.returncode != 0
    finally:
        first.terminate()
        first.communicate()
    assert wait_for_processes(toy) == 0


def limited(root: Path, size: int) -> subprocess.CompletedProcess[str]:
    """A run in which no file may grow beyond `size` bytes: writes fail as on a full disk."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run(
        GUARDED, cwd=root, env=ENVIRONMENT, capture_output=True, text=True, preexec_fn=limit
    )


def test_a_disk_that_fills_gives_a_clear_error_and_loses_nothing(toy: Path) -> None:
    before = hashes(toy)
    edit(toy, "params.yaml", "steps: 4,", "steps: 4, width: 20000,")
    found = limited(toy, 1_000_000)
    assert found.returncode != 0, found.stdout
    assert ": File too large; this run is not recorded" in found.stderr
    assert "not in the workspace: artifacts/train" in found.stderr, "DVC removed it"
    run(toy, "dvc", "checkout", "--quiet", "--force", "artifacts/train")
    assert (toy / "artifacts/train/model.json").is_file()
    assert "Traceback" not in found.stderr
    assert not list(toy.rglob("*.partial"))
    assert (toy / "dvc.lock").read_bytes()
    edit(toy, "params.yaml", " width: 20000,", "")
    run(toy, *GUARDED)
    assert hashes(toy) == before


def test_reports_in_git_outlive_a_stage_that_fails(toy: Path) -> None:
    report = toy / "reports/evaluate/metrics.json"
    before = report.read_bytes()
    edit(
        toy,
        "stages/toy.py",
        "def evaluate(params: dict) -> None:",
        "def evaluate(params: dict) -> None:\n    1 / 0",
    )
    found = run(toy, *GUARDED, code=None)
    assert found.returncode != 0
    assert report.read_bytes() == before
    assert "put back, as dvc.lock records them: reports/evaluate/metrics.json" in found.stderr
    # A report that was edited before the run is not the recorded one, and is not written over.
    report.write_text("{}\n")
    run(toy, *GUARDED, code=None)
    assert not report.exists() or report.read_text() != before.decode()


def test_a_build_names_all_that_is_to_be_committed(toy: Path) -> None:
    assert "To commit this build" not in run(toy, *GUARDED).stderr
    edit(toy, "params.yaml", "steps: 4", "steps: 5")
    found = run(toy, *GUARDED)
    assert "To commit this build: git add params.yaml dvc.lock reports" in found.stderr


@pytest.mark.slow
def test_a_small_disk_of_many_sizes(tmp_path: Path) -> None:
    """A real file system that fills up, where one can be mounted."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    fits = 0
    for size in range(400, 2000, 200):
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(mounted)]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("may not mount a small file system here")
        try:
            shutil.copytree(write_toy_repository(tmp_path / f"{size}"), mounted / "r", symlinks=True)
            found = run(mounted / "r", *GUARDED, code=None)
            fits += found.returncode == 0
            subprocess.run(["mount", "-o", "remount,size=64m", str(mounted)], check=True)
            run(mounted / "r", *GUARDED)
        finally:
            subprocess.run(["umount", "-l", str(mounted)], check=True)
    assert fits < 8


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_output_gives_a_clear_error(toy: Path) -> None:
    edit(toy, "stages/texts/greeting.py", "hello", "goodbye")
    (toy / "artifacts").chmod(0o555)
    try:
        found = run(toy, *GUARDED, code=None)
        assert found.returncode != 0
        assert "Permission denied" in found.stderr
        assert "Traceback" not in found.stderr
    finally:
        (toy / "artifacts").chmod(0o755)
    run(toy, *GUARDED)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a process with its parent")
def test_killed_anywhere_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    found = experiment(tmp_path, kills=25, seed=1)
    assert {kill.target for kill in found} >= {"command", "dvc", "stage", "all"}
    assert [str(kill) for kill in found if not kill.equal or kill.orphans] == []
