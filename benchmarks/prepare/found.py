"""What of the planted rows a program took out: recall for each kind, and precision.

python -m benchmarks.prepare.found /tmp/rows /tmp/ours

A planted pair is found when not both of its rows are kept. Precision is the share of the rows taken out that
belong to a planted pair or are broken.
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq

PARTS = ("train", "validation", "calibration", "test")
KINDS = ("exact", "near", "leak", "near_leak")


def shares_found(folder: Path, out: Path) -> list[float]:
    """Recall for each of `KINDS`, then precision."""
    kept: set[str] = set()
    for part in PARTS:
        (path,) = out.rglob(f"{part}.parquet")
        kept.update(pq.read_table(path, columns=["id"])["id"].to_pylist())
    planted = [line.split("\t") for line in (folder / "planted.tsv").read_text().splitlines()]
    shares = []
    for kind in KINDS:
        pairs = [(name, source) for name, one, source in planted if one == kind]
        found = sum(not (name in kept and source in kept) for name, source in pairs)
        shares.append(found / len(pairs) if pairs else float("nan"))
    members = {name for name, _, _ in planted} | {source for _, _, source in planted}
    with (folder / "train.jsonl").open() as file:
        removed = {f"r{number}" for number, _ in enumerate(file)} - kept
    return [*shares, len(removed & members) / len(removed)]


if __name__ == "__main__":
    print(*shares_found(Path(sys.argv[1]), Path(sys.argv[2])))
