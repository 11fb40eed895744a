"""Prepare against a plain script on the same rows: time, memory, what was found.

    python -m benchmarks.prepare.compare /tmp/bench 10000 100000 1000000

Generates the rows of each size once, runs the stage on every size and the plain script on the largest,
each in a process of its own, and prints one line each.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.prepare.generate import generate

PARTS = ("train", "validation", "calibration", "test")


def run(module: str, folder: Path, out: Path) -> tuple[float, float, float]:
    """Seconds of wall and processor time and peak memory in MiB of `python -m module folder out`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", module, folder, out], env=environment, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{module} failed")
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, processor, used.ru_maxrss / 1024


def found(folder: Path, out: Path) -> dict[str, float]:
    """Recall for each kind of planted row, and precision: the share of removed rows that were planted."""
    kept: set[str] = set()
    for part in PARTS:
        (path,) = out.rglob(f"{part}.parquet")
        kept.update(pq.read_table(path, columns=["id"])["id"].to_pylist())
    planted = [line.split("\t") for line in (folder / "planted.tsv").read_text().splitlines()]
    recall = {}
    for kind in ("exact", "near", "leak", "near_leak"):
        pairs = [(name, source) for name, one, source in planted if one == kind]
        recall[kind] = sum(not (name in kept and source in kept) for name, source in pairs) / len(pairs)
    members = {name for name, _, _ in planted} | {source for _, _, source in planted}
    rows = sum(1 for _ in (folder / "train.jsonl").open())
    removed = {f"r{number}" for number in range(rows)} - kept
    return {**recall, "precision": len(removed & members) / len(removed)}


def main(folder: Path, sizes: list[int]) -> None:
    times = []
    for size in sizes:
        rows = folder / f"rows{size}"
        if not (rows / "planted.tsv").exists():
            generate(size, rows)
        modules = ["ours", *(["plain_script"] if size == max(sizes) else [])]
        for module in modules:
            out = folder / f"{module}{size}"
            wall, processor, memory = run(f"benchmarks.prepare.{module}", rows, out)
            shares = " ".join(f"{name} {value:.4f}" for name, value in found(rows, out).items())
            print(
                f"{module} {size}: {wall:.1f} s wall, {processor:.1f} s processor, {memory:.0f} MiB;",
                shares,
                flush=True,
            )
            if module == "ours":
                times.append(processor)
    if len(sizes) > 1:
        exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0]
        print(f"processor time grows as rows^{exponent:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(size) for size in sys.argv[2:]])
