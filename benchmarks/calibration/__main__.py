"""Measure temperature fitting and the metrics: `python -m benchmarks.calibration`.

Needs about 6 GiB of memory, a quiet machine and a quarter of an hour for the full sizes. netcal is not
among the pins; it is measured if importable, for instance from a folder named by PYTHONPATH. Results go
between the markers of the README beside this file.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from benchmarks.calibration import made
from benchmarks.calibration.fitters import FITTERS
from benchmarks.calibration.measure import SUMMARY_RUNS
from benchmarks.page import fill

README = Path(__file__).with_name("README.md")
TIMEOUT = 1800.0
FIGURES = ("seconds", "processor_seconds", "memory", "error")
EXACT = 1e-6
"""Relative error of T up to which a fitter counts as exact."""


def measured(*arguments: str) -> dict[str, float] | str:
    """The measurement of a child process, or why there is none."""
    command = [sys.executable, "-m", "benchmarks.calibration.measure", *arguments]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return f"not finished in {TIMEOUT:g} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["killed"])[-1][:60]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def fit_lines(sizes: list[int], folder: Path, repeats: int) -> list[str]:
    lines = [
        "| rows | fitter | seconds | processor seconds | memory / logits | relative error of T | exact |",
        "|---:|---|---:|---:|---:|---:|---|",
    ]
    for rows in sizes:
        made.exact_temperature(folder, rows)
        exact: dict[str, dict[str, float]] = {}
        for name in FITTERS:
            runs = [measured("fit", name, str(rows), str(folder)) for _ in range(repeats)]
            failed = [run for run in runs if isinstance(run, str)]
            if failed:
                lines.append(f"| {rows:,} | {name} | - | - | - | - | {failed[0]} |")
                continue
            # Each figure at its best: other work on the machine can only lengthen it.
            run = {key: min(run[key] for run in runs if not isinstance(run, str)) for key in FIGURES}
            if run["error"] <= EXACT:
                exact[name] = run
            lines.append(
                f"| {rows:,} | {name} | {run['seconds']:.3f} | {run['processor_seconds']:.3f} | "
                f"{run['memory']:.2f} | {run['error']:.0e} | {'yes' if name in exact else 'no'} |"
            )
            click.echo(lines[-1])
        ours = exact.pop("teacherspec")
        wall, processor = (
            min(run[key] for run in exact.values()) / ours[key] for key in ("seconds", "processor_seconds")
        )
        lines.append(
            f"| {rows:,} | **fastest other exact one** | **{wall:.1f}×** | **{processor:.1f}×** | | | |"
        )
        click.echo(lines[-1])
    return lines


def summary_lines(sizes: list[int]) -> list[str]:
    lines = [
        "| rows | confidences | one `np.sort` | all measures | ratio | processor ratio | one `np.argsort` |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for rows in sizes:
        for precision in ("float64", "float32"):
            run = measured("summary", str(rows), precision)
            if isinstance(run, str):
                lines.append(f"| {rows:,} | {precision} | {run} | | | | |")
                continue
            lines.append(
                f"| {rows:,} | {precision} | {run['sort']:.4f} s | {run['summary']:.4f} s | "
                f"{run['summary'] / run['sort']:.1f} | "
                f"{run['summary_processor'] / run['sort_processor']:.1f} | {run['argsort']:.3f} s |"
            )
            click.echo(lines[-1])
    return lines


def installed(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} absent"


def conditions(runs: str) -> str:
    packages = ", ".join(map(installed, ("numpy", "scipy", "scikit-learn", "torch", "netcal")))
    load = os.getloadavg()[0]
    return (
        f"{platform.machine()}, {os.cpu_count()} processors, load {load:.1f} at the start; "
        f"Python {platform.python_version()}, {packages}; {runs}."
    )


@click.command()
@click.option("--largest", default=1_000_000, show_default=True, help="Rows of the largest fit.")
@click.option("--predictions", default=10_000_000, show_default=True, help="Rows of the largest summary.")
@click.option("--repeats", default=3, show_default=True, help="Runs of each fitter; the fastest counts.")
@click.option(
    "--part", "parts", type=click.Choice(["fit", "summary"]), multiple=True, help="Measure only this."
)
@click.option("--save/--no-save", default=True, help="Whether to write the README.")
def main(largest: int, predictions: int, repeats: int, parts: tuple[str, ...], save: bool) -> None:
    """Measure, print, and write the results into the README."""
    if not parts or "fit" in parts:
        where = conditions(f"best of {repeats}")
        with tempfile.TemporaryDirectory() as scratch:
            made.logits(Path(scratch), 10_000)
            fits = fit_lines([largest // 100, largest // 10, largest], Path(scratch), repeats)
        if save:
            fill(README, "fit", [where, "", *fits])
    if not parts or "summary" in parts:
        where = conditions(f"best of {SUMMARY_RUNS}")
        summaries = summary_lines([predictions // 100, predictions // 10, predictions])
        if save:
            fill(README, "summary", [where, "", *summaries])


if __name__ == "__main__":
    main()
