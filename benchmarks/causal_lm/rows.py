"""Real rows of GSM8K and of E2E."""

import csv
import json
from pathlib import Path

import numpy as np

SYSTEM = {
    "gsm8k": "Work the problem out step by step. End with a line that holds only #### and the number.",
    "e2e": "Write one sentence for customers that says all of these facts and nothing else.",
}
"""What `examples/` tells a base before each row."""

SETS = tuple(SYSTEM)


def read(folder: Path, name: str) -> list[tuple[str, str]]:
    """Questions and answers: all of GSM8K's train file, or of E2E's devset."""
    if name == "gsm8k":
        lines = (folder / "gsm8k/train.jsonl").read_text(encoding="utf-8").splitlines()
        return [(row["question"], row["answer"]) for row in map(json.loads, lines)]
    with (folder / "e2e/devset.csv").open(encoding="utf-8-sig", newline="") as file:
        return [(row["mr"], row["ref"]) for row in csv.DictReader(file)]


def spread(folder: Path, name: str, count: int) -> list[tuple[str, str]]:
    """`count` rows spread evenly over the file."""
    rows = read(folder, name)
    return [rows[at] for at in np.linspace(0, len(rows) - 1, count).round().astype(int)]
