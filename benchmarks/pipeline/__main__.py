"""What the pipeline costs beyond its work: `dvc repro` with nothing to do.

    python -m benchmarks.pipeline [--repeats 10] [--write]

Bare DVC has the same stages, data, params and outs, and depends on none of this project's code. The
commands are timed in turn, so that a busy machine slows all equally.
`--write` puts the table into benchmarks/pipeline/README.md and its ratios into the table of all benchmarks.
"""

import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import click

from benchmarks.page import fill
from benchmarks.ratios import Ratio, machine_class, record, today
from teacherspec.run_records.dvc_yaml import declared_stages

ROOT = Path(__file__).parents[2]
README = Path(__file__).with_name("README.md")
COPIED = ("stages/", "teacherspec/", ".dvc", "pyproject", "params.yaml", "dvc.yaml", "data/")

OURS = [sys.executable, "-m", "teacherspec"]

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_"))},
    "DVC_NO_ANALYTICS": "1",
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}


def committed_pipeline(folder: Path) -> Path:
    """The pipeline with stubs for outs and a lock by which all stages are up to date; no stage will run."""
    for name in run("git", "ls-files", at=ROOT).splitlines():
        if name.startswith(COPIED) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    for stage in declared_stages(folder).values():
        for name in (*stage.deps, *stage.outs):
            path = folder / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("stub")
    run("git", "init", "--quiet", at=folder)
    run("dvc", "commit", "--force", "--quiet", at=folder)
    return folder


def bare_pipeline(source: Path, folder: Path) -> Path:
    """The same stages, data, params and outs, without a dependency on this project's code."""
    shutil.copytree(source, folder, symlinks=True)
    for name in ("dvc.lock", "stages", "teacherspec"):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    text = re.sub(r"\n +- (stages|teacherspec)/[^\n]*", "", (folder / "dvc.yaml").read_text())
    text = re.sub(r"\n +deps:(?=\n +params:)", "", text)  # of a stage that depends on code alone
    (folder / "dvc.yaml").write_text(text)
    run("dvc", "commit", "--force", "--quiet", at=folder)
    return folder


def run(*command: str, at: Path) -> str:
    """What a command prints, which must succeed."""
    done = subprocess.run(command, cwd=at, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return done.stdout


class Seconds(NamedTuple):
    """Wall time of a command, and its processor time, which depends less on other load."""

    wall: float
    processor: float


def seconds(command: list[str], folder: Path) -> Seconds:
    """How long a command takes."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    # Stubs have no receipts of runs: `verify-lock` reports that, and takes as long.
    subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, check="repro" in command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Seconds(time.perf_counter() - begun, worked)


def no_op(repeats: int) -> dict[str, list[Seconds]]:
    """Seconds of each command that finds nothing to do, timed in turn."""
    with tempfile.TemporaryDirectory() as name:
        pipeline = committed_pipeline(Path(name) / "pipeline")
        ways = {
            BARE: ["dvc", "repro"],
            "`dvc repro`": ["dvc", "repro"],
            "`teacherspec repro`": [*OURS, "repro"],
            "`teacherspec status`": [*OURS, "status"],
            "`teacherspec verify-lock`": [*OURS, "verify-lock"],
        }
        bare = bare_pipeline(pipeline, Path(name) / "bare")
        places = {way: bare if way.startswith("bare") else pipeline for way in ways}
        found: dict[str, list[Seconds]] = {way: [] for way in ways}
        for way, command in ways.items():
            seconds(command, places[way])
        for _ in range(repeats):
            for way, command in ways.items():
                found[way].append(seconds(command, places[way]))
    return found


BARE = "bare DVC, the same graph without our code"
COMMAND = "python -m benchmarks.pipeline --write"


def medians(found: dict[str, list[Seconds]]) -> dict[str, Seconds]:
    """Of each command."""
    return {way: Seconds(*map(statistics.median, zip(*times, strict=True))) for way, times in found.items()}


def table(median: dict[str, Seconds]) -> list[str]:
    """The figures as Markdown."""
    base, same = median[BARE], median["`dvc repro`"]
    lines = [
        "| nothing to do | median s | processor s | × bare DVC | × `dvc repro` |",
        "|---|--:|--:|--:|--:|",
    ]
    for way, (wall, processor) in median.items():
        ratios = f"{processor / base.processor:.2f} | {processor / same.processor:.2f}"
        lines.append(f"| {way} | {wall:.2f} | {processor:.2f} | {ratios} |")
    return [
        "",
        *lines,
        "",
        "The ratios are of processor seconds, which depend less on what else the machine does.",
        "",
    ]


def ratios(median: dict[str, Seconds]) -> list[Ratio]:
    """What goes into the table of all benchmarks."""
    ours = median["`teacherspec repro`"]
    peers = {"`dvc repro` of the same project": "`dvc repro`", BARE: BARE}
    return [
        Ratio(
            "`teacherspec repro` with nothing to do",
            peer,
            "CPU seconds",
            round(median[way].processor / ours.processor, 2),
            COMMAND,
            today(),
            machine_class(),
        )
        for peer, way in peers.items()
    ]


@click.command()
@click.option("--repeats", default=10, show_default=True)
@click.option("--write", is_flag=True, help="Write the figures into the README.")
def main(repeats: int, write: bool) -> None:
    """Time the pipeline with nothing to do."""
    median = medians(no_op(repeats))
    print(*table(median), sep="\n")
    if write:
        fill(README, "figures", table(median))
        record(README.parent, ratios(median))


if __name__ == "__main__":
    main()
