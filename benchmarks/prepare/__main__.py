"""Measure `prepare`: `python -m benchmarks.prepare`.

The stage and a plain script on the same rows with planted faults: time, memory, what was found; how the
stage grows with the rows; and one large run in little memory. Each runs in a process of its own. The full
sizes need 8 GiB of memory (for the plain script), 12 GiB of disk, a quiet machine and half an hour; the
pieces can be run one by one. Results go between the markers of the README beside this file.
"""

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from benchmarks.page import fill

README = Path(__file__).with_name("README.md")
KINDS = ("exact", "near", "leak", "near_leak")
OURS = "teacherspec"
MODULES = {OURS: "ours", "plain script": "plain_script"}
COMPARED_MIB = 1024
"""TEACHERSPEC_MEMORY_MIB of the comparison and of growth: what it is without being set."""


class Sizes(NamedTuple):
    """Rows of comparison and growth, rows of the large run, and its memory in MiB."""

    rows: int
    large: int
    large_memory: int


@dataclass(frozen=True)
class Run:
    """One program on one number of rows: seconds, peak memory in MiB, recall by kind, precision."""

    program: str
    rows: int
    wall: float
    processor: float
    memory: float
    recall: dict[str, float]
    precision: float

    def cells(self) -> list[str]:
        found = [f"{self.recall[kind]:.4f}" for kind in KINDS]
        return [
            f"{self.rows:,}",
            self.program,
            f"{self.wall:.1f}",
            f"{self.processor:.1f}",
            f"{self.memory:,.0f}",
            *found,
            f"{self.precision:.4f}",
        ]


def measured(program: str, rows: int, scratch: Path, memory_mib: int) -> Run:
    """Run a program on generated rows, which are made where they are not there yet."""
    folder, out = scratch / f"rows{rows}", scratch / f"{MODULES[program]}{rows}"
    if not (folder / "planted.tsv").exists():
        command = [sys.executable, "-m", "benchmarks.prepare.generate", str(rows), str(folder)]
        subprocess.run(command, check=True)  # in a process of its own: a child begins with its parent's peak
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "TEACHERSPEC_MEMORY_MIB": str(memory_mib),
    }
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", f"benchmarks.prepare.{MODULES[program]}", str(folder), str(out)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if status:
        raise click.ClickException(f"{' '.join(command)} failed")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    command = [sys.executable, "-m", "benchmarks.prepare.found", str(folder), str(out)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    *recall, precision = map(float, answer)
    shares = dict(zip(KINDS, recall, strict=True))
    run = Run(program, rows, wall, processor, used.ru_maxrss / 1024, shares, precision)
    click.echo(" | ".join(run.cells()))
    return run


def table(runs: list[Run]) -> list[str]:
    kinds = [f"recall {kind.replace('_', ' ')}" for kind in KINDS]
    heads = ["rows", "program", "seconds", "processor seconds", "peak MiB", *kinds, "precision"]
    lines = [f"| {' | '.join(heads)} |", "|---:|---|" + "---:|" * (len(heads) - 2)]
    return lines + [f"| {' | '.join(run.cells())} |" for run in runs]


def verdict(ours: Run, plain: Run) -> str:
    """The two at the largest size, beside what is demanded."""
    return (
        f"At {ours.rows:,} rows the stage takes 1/{plain.wall / ours.wall:.1f} of the seconds, "
        f"1/{plain.processor / ours.processor:.1f} of the processor seconds (demanded: 1/5) and "
        f"1/{plain.memory / ours.memory:.1f} of the memory (demanded: 1/3)."
    )


def exponents(runs: list[Run]) -> str:
    """The exponent of rows by which processor time grows, as it is and without what every run costs."""
    sizes, times = (np.log([getattr(run, name) for run in runs]) for name in ("rows", "processor"))
    exponent = np.polyfit(sizes, times, 1)[0]
    last, before = runs[-1], runs[-2]
    local = np.log(last.processor / before.processor) / np.log(last.rows / before.rows)
    return (
        f"Processor time grows as rows^{exponent:.2f} from {runs[0].rows:,} to {last.rows:,} rows, and as "
        f"rows^{local:.2f} from {before.rows:,} on, where what every run costs alike (starting, the samples "
        "behind the report) weighs less (demanded: 1.1 at most)."
    )


def comparison(size: Sizes, scratch: Path) -> list[str]:
    """The stage and the plain script on as many rows."""
    ours, plain = (measured(program, size.rows, scratch, COMPARED_MIB) for program in MODULES)
    return [*table([ours, plain]), "", verdict(ours, plain)]


def growth(size: Sizes, scratch: Path) -> list[str]:
    """The stage on a hundredth, a tenth and all of the rows."""
    runs = [measured(OURS, size.rows // part, scratch, COMPARED_MIB) for part in (100, 10, 1)]
    return [*table(runs), "", exponents(runs)]


def large(size: Sizes, scratch: Path) -> list[str]:
    """The stage on many rows in little memory."""
    run = measured(OURS, size.large, scratch, size.large_memory)
    return [*table([run]), "", f"With `TEACHERSPEC_MEMORY_MIB={size.large_memory}`."]


PIECES = {"comparison": comparison, "growth": growth, "large": large}


def conditions() -> str:
    packages = [
        f"{name} {version(name)}" for name in ("numpy", "pyarrow", "datasets", "pandas", "datasketch")
    ]
    return (
        f"{platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start; "
        f"Python {platform.python_version()}, {', '.join(packages)}."
    )


@click.command()
@click.option("--only", type=click.Choice(tuple(PIECES)), multiple=True, help="Pieces; all by default.")
@click.option("--rows", default=1_000_000, show_default=True, help="Rows of the comparison.")
@click.option("--large", "many", default=5_000_000, show_default=True, help="Rows of the large run.")
@click.option("--large-memory", default=256, show_default=True, help="TEACHERSPEC_MEMORY_MIB of it.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder for rows and outputs; kept.")
@click.option("--save/--no-save", default=True, help="Whether to write the README.")
def main(
    only: tuple[str, ...], rows: int, many: int, large_memory: int, scratch: Path | None, save: bool
) -> None:
    """Measure, print, and write the results into the README."""
    size = Sizes(rows, many, large_memory)
    with tempfile.TemporaryDirectory() as temporary:
        for name in only or PIECES:
            where = conditions()
            lines = PIECES[name](size, scratch or Path(temporary))
            click.echo("\n".join(lines))
            if save:
                fill(README, name, [*lines, "", where])


if __name__ == "__main__":
    main()
