"""One measurement in a process of its own: `python -m benchmarks.calibration.measure fit|summary ...`.

Prints one JSON object. Wall and processor seconds, and the growth of the resident set over the arrays'
own loading, all within this process alone.
"""

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.calibration import made
from benchmarks.calibration.fitters import FITTERS

MEMORY_LIMIT = 16 << 30
"""Bytes of address space: a fitter that asks for more fails instead of bringing the machine down."""


SUMMARY_RUNS = 9
"""Runs of the sort and of the measures, in turn; the fastest of each counts."""


def reset_peak() -> None:
    """Let the high-water mark of the resident set fall to what is resident now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """High-water mark of the resident set."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def fit(name: str, rows: int, folder: Path) -> dict[str, float]:
    fitter = FITTERS[name]
    small_logits, small_labels = (np.load(file)[:500] for file in made.logits(folder, 10_000))
    fitter(small_logits, small_labels)  # imports and first calls are not what is measured
    reset_peak()
    before = peak_bytes()
    logits, labels = (np.load(file) for file in made.logits(folder, rows))
    wall, processor = time.perf_counter(), time.process_time()
    temperature = fitter(logits, labels)
    return {
        "seconds": time.perf_counter() - wall,
        "processor_seconds": time.process_time() - processor,
        "memory": (peak_bytes() - before) / logits.nbytes,
        "error": abs(temperature / made.exact_temperature(folder, rows) - 1.0),
    }


def summary(rows: int, *, single: bool) -> dict[str, float]:
    from teacherspec.metrics.summary import top_label_summary

    confidences, correct = made.predictions(rows, single=single)
    top_label_summary(confidences[:1000], correct[:1000])
    works = {"sort": lambda: np.sort(confidences), "summary": lambda: top_label_summary(confidences, correct)}
    runs: dict[str, list[tuple[float, float]]] = {"sort": [], "summary": []}
    for _ in range(SUMMARY_RUNS):
        for name, work in works.items():
            runs[name].append(timed(work))
    runs["argsort"] = [timed(lambda: np.argsort(confidences))]
    found: dict[str, float] = {}
    for name, times in runs.items():
        found[name], found[f"{name}_processor"] = map(min, zip(*times, strict=True))
    return found


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of one call."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def main(kind: str, *given: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    warnings.simplefilter("ignore")
    if kind == "fit":
        name, rows, folder = given
        found = fit(name, int(rows), Path(folder))
    else:
        rows, precision = given
        found = summary(int(rows), single=precision == "float32")
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
