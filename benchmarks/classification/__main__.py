"""CPU seconds and quality of training a classifier of texts: here, by Trainer, SetFit and plain embeddings.

    pip install setfit sentence-transformers
    OMP_NUM_THREADS=1 python -m benchmarks.classification --write

The helpdesk data of this project with its default base. Each program runs in a process of its own on one
thread; times are the processor's, from the rows to the logits of the test rows, imports left out.
"""

import json
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.classification.programs import NEEDS, PROGRAMS, Job, declared
from benchmarks.page import fill
from benchmarks.ratios import Ratio, machine_class, record, today
from benchmarks.recipes.datasets import helpdesk
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.runtime.atomic_io import sha256_file, write_parquet
from teacherspec.splits import Prepared, Split, open_split, save_index

FOLDER = Path(__file__).parent
COMMAND = "python -m benchmarks.classification --write"


def few(prepared: Prepared, per_class: int, folder: Path) -> Prepared:
    """The prepared rows with the first `per_class` train rows of every label."""
    rows = open_split(prepared.splits["train"])
    seen: dict[int, int] = {}
    places = []
    for at, label in enumerate(rows["label"][:]):
        seen[label] = seen.get(label, 0) + 1
        if seen[label] <= per_class:
            places.append(at)
    path = folder / "train.parquet"
    write_parquet(path, rows.data.table.take(places))
    split = Split("train", "train", len(places), sha256_file(path), path)
    fewer = Prepared(prepared.task, prepared.label_names, {**prepared.splits, "train": split})
    save_index(folder, fewer)
    return fewer


def measure(name: str, per_class: int, epochs: int, test_rows: int) -> dict[str, Any]:
    """Seconds and scores of a program."""
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        data = helpdesk(Path(), Path(place))
        prepared = few(data.prepared, per_class, Path(place) / "rows")
        rows = {split: open_split(prepared.splits[split]) for split in ("train", "test")}
        test = rows["test"].select(range(min(test_rows, len(rows["test"]))))
        section = declared().model_copy(update={"epochs": epochs})
        job = Job(data.task, data.base, prepared, rows["train"], test, section)
        began = time.process_time()
        logits = PROGRAMS[name](job)
        seconds = time.process_time() - began
        labels = np.array(test["label"][:])
        return {
            "seconds": round(seconds, 1),
            "accuracy": round(float((logits.argmax(1) == labels).mean()), 3),
            "nll": round(float(nll(logits, labels)), 3),
            "train_rows": len(rows["train"]),
            "test_rows": len(test),
        }


def table(found: dict[str, dict[str, Any]], epochs: int) -> list[str]:
    """The page's table."""
    own = found["teacherspec"]
    rows = f"{own['train_rows']} train rows, {own['test_rows']} test rows"
    lines = [
        f"{rows}, {epochs} epochs; {machine_class()}; {today()}.",
        "",
        "| program | CPU s | theirs ÷ ours | test accuracy | NLL |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, one in found.items():
        cells = (one["seconds"], f"{one['seconds'] / own['seconds']:.2f}", one["accuracy"], one["nll"])
        lines.append(f"| {name} | {' | '.join(map(str, cells))} |")
    return ["", *lines, ""]


def ratios(found: dict[str, dict[str, Any]], epochs: int) -> list[Ratio]:
    """Ratios of time, with both accuracies next to them."""
    own = found["teacherspec"]
    return [
        Ratio(
            f"a classifier of {own['train_rows']} helpdesk texts, {epochs} epochs",
            name,
            "CPU seconds",
            round(one["seconds"] / own["seconds"], 2),
            COMMAND,
            today(),
            machine_class(),
            f"accuracy {own['accuracy']} against {one['accuracy']}",
        )
        for name, one in found.items()
        if name != "teacherspec"
    ]


@click.command()
@click.option("--per-class", default=8, show_default=True, help="Train rows of each of the 20 labels.")
@click.option("--epochs", default=4, show_default=True)
@click.option("--test-rows", default=400, show_default=True)
@click.option("--program", "chosen", multiple=True, type=click.Choice(list(PROGRAMS)))
@click.option("--only", hidden=True, type=click.Choice(list(PROGRAMS)))
@click.option("--write", is_flag=True, help="Fill the page and record the ratios.")
def main(
    per_class: int, epochs: int, test_rows: int, chosen: tuple[str, ...], only: str | None, write: bool
) -> None:
    """Train by each program and compare."""
    if only:
        print(json.dumps(measure(only, per_class, epochs, test_rows)))
        return
    found = {}
    for name in chosen or PROGRAMS:
        if name in NEEDS and find_spec(NEEDS[name]) is None:
            print(f"{name}: skipped: {NEEDS[name]} is not installed")
            continue
        command = [sys.executable, "-m", "benchmarks.classification", "--only", name]
        command += ["--per-class", str(per_class), "--epochs", str(epochs), "--test-rows", str(test_rows)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise click.ClickException(f"{name}: {done.stderr[-2000:]}")
        found[name] = json.loads(done.stdout.strip().splitlines()[-1])
        print(name, json.dumps(found[name]), flush=True)
    if "teacherspec" in found:
        print(*table(found, epochs), sep="\n")
        if write:
            fill(FOLDER / "README.md", "table", table(found, epochs))
            record(FOLDER, ratios(found, epochs))


if __name__ == "__main__":
    main()
