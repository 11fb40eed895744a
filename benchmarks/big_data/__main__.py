"""Measure how the stages grow with the number of rows: `python -m benchmarks.big_data`.

Generated texts of 20 classes go through every stage but `finetune`, which learns a tiny model from the
smallest number of rows once; each stage runs in a process of its own, in one thread.
"""

import os
import platform
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import psutil

from benchmarks.page import fill
from teacherspec.run_records.dvc_yaml import declared_stages

ROOT = Path(__file__).parents[2]
README = Path(__file__).with_name("README.md")
LEARNT = Path("artifacts/finetune")
VERIFY = "verify-package"
SKIPPED = {"finetune", "ratings"}
"""Stages that are not measured: of training the epochs decide, and ratings are people's."""


SIZES = (10_000, 30_000, 100_000)
INTERVAL_S = 0.05


class Cost(NamedTuple):
    """What a command took, all its processes together.

    Attributes:
        processor: seconds.
        memory: most memory of its own at a time, MiB: without files that it maps, which the system may drop.
    """

    processor: float
    memory: float


def measured(command: Sequence[str], folder: Path) -> Cost:
    """Run a command in one thread, and look at its processes every 50 ms. Raises `click.ClickException`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    processor: dict[int, float] = {}
    memory = 0
    with tempfile.TemporaryFile() as printed:
        process = psutil.Popen(command, cwd=folder, env=environment, stdout=printed, stderr=printed)
        while process.poll() is None:
            own = 0
            with suppress(psutil.NoSuchProcess):
                for one in (process, *process.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess):
                        times, size = one.cpu_times(), one.memory_info()
                        processor[one.pid] = times.user + times.system
                        own += size.rss - size.shared
            memory = max(memory, own)
            time.sleep(INTERVAL_S)
        if process.returncode:
            printed.seek(0)
            raise click.ClickException(f"{shlex.join(command)} failed:\n{printed.read().decode()[-4000:]}")
    return Cost(sum(processor.values()), memory / (1 << 20))


def commands(folder: Path) -> dict[str, list[str]]:
    """Stage → its command in `dvc.yaml`, and that which verifies the package."""
    shutil.copy(ROOT / "dvc.yaml", folder)
    stages = {name: stage.command for name, stage in declared_stages(folder).items()}
    stages[VERIFY] = "python -m teacherspec verify-package artifacts/teacher --minutes 60"
    return {name: [sys.executable, *shlex.split(command)[1:]] for name, command in stages.items()}


def measured_stages(rows: int, folder: Path, learnt: Path | None) -> dict[str, Cost]:
    """The costs of each stage for a number of rows.

    Args:
        rows: labelled texts.
        folder: to create.
        learnt: output of `finetune` to take; None trains, and does not measure it.
    """
    if not folder.exists():
        measured([sys.executable, "-m", "benchmarks.big_data.project", str(rows), str(folder)], ROOT)
    found = {}
    for stage, command in commands(folder).items():
        if stage == "finetune" and learnt is not None:
            shutil.copytree(learnt, folder / LEARNT, dirs_exist_ok=True)
            continue
        cost = measured(command, folder)
        click.echo(f"{rows:,} {stage}: {cost.processor:.1f} s, {cost.memory:,.0f} MiB", err=True)
        if stage not in SKIPPED:
            found[stage] = cost
    return found


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """The power of the rows by which seconds grow between the two largest numbers of rows."""
    before, last = seconds[-2:]
    return float(np.log(last / before) / np.log(sizes[-1] / sizes[-2]))


def table(found: dict[int, dict[str, Cost]]) -> list[str]:
    """Stage by stage: seconds and memory at each number of rows, and how seconds grow."""
    sizes = sorted(found)
    heads = [f"{rows:,}: {unit}" for rows in sizes for unit in ("CPU s", "MiB")]
    lines = [f"| stage | {' | '.join(heads)} | exponent |", "|---|" + "--:|" * (len(heads) + 1)]
    for stage in found[sizes[0]]:
        costs = [found[rows][stage] for rows in sizes]
        cells = [text for cost in costs for text in (f"{cost.processor:.1f}", f"{cost.memory:,.0f}")]
        grows = exponent(sizes, [cost.processor for cost in costs])
        lines.append(f"| {stage} | {' | '.join(cells)} | {grows:.2f} |")
    return lines


@click.command()
@click.option("--rows", "sizes", multiple=True, type=int, default=SIZES, show_default=True)
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder for rows and outputs; kept.")
@click.option("--save/--no-save", default=True, help="Whether to write the README.")
def main(sizes: tuple[int, ...], scratch: Path | None, save: bool) -> None:
    """Measure, print, and write the table into the README."""
    if len(sizes) < 2:
        raise click.UsageError("--rows: growth needs two numbers of rows, or more")
    with tempfile.TemporaryDirectory() as temporary:
        place = scratch or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        found: dict[int, dict[str, Cost]] = {}
        for rows in sorted(sizes):
            learnt = place / str(min(sizes)) / LEARNT if found else None
            found[rows] = measured_stages(rows, place / str(rows), learnt)
    where = (
        f"{platform.machine()}, one thread, load {os.getloadavg()[0]:.1f} at the end; Python "
        f"{platform.python_version()}, torch {version('torch')}, datasets {version('datasets')}."
    )
    lines = [*table(found), "", where]
    click.echo("\n".join(lines))
    if save:
        fill(README, "table", lines)


if __name__ == "__main__":
    main()
