"""Kill builds of the toy pipeline at random moments, finish them, and compare with an undisturbed build.

    python -m tests.unit.run_records.faults --kills 100 [--plain]

Kills go to `teacherspec repro`, to DVC, to the stage or to all at once. `--plain` kills `dvc repro` alone,
for comparison. Prints one line for each kill, then the figures of docs/gitops.md.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import psutil

from tests.unit.run_records.toy_project import ENVIRONMENT, hashes, run, write_toy_repository

GUARDED = [
    sys.executable,
    "-c",
    """\
import sys
from pathlib import Path
from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.run_records.safe_repro import run_dvc_repro
with report_user_errors():
    sys.exit(run_dvc_repro(Path(), sys.argv[1:]))
""",
]
PLAIN = [sys.executable, "-m", "dvc", "repro"]

SLOW = """\
prepare: {parts: 3, pause: 0.05}
train: {steps: 12, rate: 1.0e-3, pause: 0.05}
evaluate: {pause: 0.1}
package: {name: toy, pause: 0.1}
"""
TARGETS = ("command", "dvc", "stage", "all")
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SETTLE_SECONDS = 20.0


@dataclass(frozen=True)
class Kill:
    """One kill and its outcome."""

    at_seconds: float
    target: str
    number: signal.Signals
    orphans: int
    recovered: bool
    differing: tuple[str, ...]

    @property
    def equal(self) -> bool:
        return self.recovered and not self.differing

    def __str__(self) -> str:
        outcome = "ok" if self.recovered and self.equal and not self.orphans else "FAILED"
        return (
            f"{outcome:7} {self.number.name} to {self.target} after {self.at_seconds:.2f} s: "
            f"{self.orphans} orphans, recovered {self.recovered}, {', '.join(self.differing) or 'equal'}"
        )


def processes_of(root: Path) -> list[psutil.Process]:
    """Every other process whose current folder is the repository."""
    found = []
    for process in psutil.process_iter():
        try:
            here = process.pid != os.getpid() and process.cwd() == str(root)
            if here and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def kind_of(process: psutil.Process) -> str:
    try:
        line = " ".join(process.cmdline())
    except psutil.Error:
        return "gone"
    return "stage" if "-m stages." in line else "dvc" if "dvc repro" in line else "command"


Wait = Callable[["subprocess.Popen[bytes]"], object]
"""Returns at the moment to kill a run."""


def after(seconds: float) -> Wait:
    return lambda _run: time.sleep(seconds)


def kill(
    root: Path,
    command: list[str],
    wait: Wait,
    target: str,
    number: signal.Signals,
    environment: Mapping[str, str] = ENVIRONMENT,
) -> int:
    """Start the command, kill the target when `wait` returns, and count the processes that go on."""
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait(process)
    for victim in processes_of(root):
        if target in ("all", kind_of(victim)):
            try:
                os.kill(victim.pid, number)
            except ProcessLookupError:
                continue
    process.wait()
    deadline = time.monotonic() + (SETTLE_SECONDS if number != signal.SIGKILL else 3.0)
    while (left := processes_of(root)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for orphan in left:
        orphan.kill()
    return len(left)


def kill_once(
    pattern: Path, place: Path, command: list[str], span: float, draw: random.Random, expected: dict[str, str]
) -> Kill:
    """Kill one fresh build once or twice, then let it finish."""
    root = place / "repository"
    shutil.copytree(pattern, root, symlinks=True)
    target, number = draw.choice(TARGETS), draw.choice(SIGNALS)
    at_seconds = draw.uniform(0.0, span)
    orphans = kill(root, command, after(at_seconds), target, number)
    if draw.random() < 0.3:
        orphans += kill(root, command, after(draw.uniform(0.0, span)), draw.choice(TARGETS), signal.SIGKILL)
    recovered = run(root, *command, code=None).returncode == 0
    differing = {name for name, _ in hashes(root).items() ^ expected.items()} if recovered else set()
    shutil.rmtree(place)
    return Kill(at_seconds, target, number, orphans, recovered, tuple(sorted(differing)))


def experiment(folder: Path, kills: int, seed: int, guarded: bool = True) -> list[Kill]:
    """Kill `kills` builds of the toy pipeline at random moments within the length of an undisturbed build."""
    command = GUARDED if guarded else PLAIN
    pattern = write_toy_repository(folder / "pattern", SLOW)
    undisturbed = folder / "undisturbed"
    shutil.copytree(pattern, undisturbed, symlinks=True)
    begun = time.monotonic()
    run(undisturbed, *command)
    span = time.monotonic() - begun
    expected, draw = hashes(undisturbed), random.Random(seed)  # noqa: S311
    found = []
    for number in range(kills):
        found.append(kill_once(pattern, folder / str(number), command, span, draw, expected))
        print(found[-1], flush=True)
    return found


def files_compared(folder: Path) -> int:
    return len(hashes(folder / "undisturbed"))


@click.command()
@click.option("--kills", default=100, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--plain", is_flag=True, help="Kill plain `dvc repro`.")
def main(kills: int, seed: int, plain: bool) -> None:
    """Kill builds of a toy pipeline and print how many ended in the same bytes."""
    with tempfile.TemporaryDirectory() as name:
        found = experiment(Path(name), kills, seed, guarded=not plain)
        files = files_compared(Path(name))
    equal = sum(kill.equal for kill in found)
    print(f"kills tried {len(found)}, recovered {sum(kill.recovered for kill in found)}")
    print(f"hashes compared {files * len(found)}, builds with every hash equal {equal}")
    print(f"orphans {sum(kill.orphans for kill in found)}")


if __name__ == "__main__":
    main()
