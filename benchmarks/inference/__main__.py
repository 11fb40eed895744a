"""What predictions of a packaged classifier cost: `python -m benchmarks.inference artifacts/teacher ...`.

The same texts go through the teacher and through transformers' own `pipeline`, in turns, so that other work
on the machine meets both. Compared are CPU seconds of this process. The shares are those of the seconds that
the layers' products alone need, without padding, at the rate of a large product.
"""

import csv
import json
import platform
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from benchmarks.page import fill
from benchmarks.ratios import Ratio, machine_class, record, today
from teacherspec.serving import load_teacher
from teacherspec.serving.classification import ClassificationTeacher
from teacherspec.tasks.shared.hf_loading import quiet_libraries

README = Path(__file__).with_name("README.md")
PIPELINE_BATCH = 32
TOLERANCE = 1e-4
"""Largest difference of a probability."""


class Seconds(NamedTuple):
    """CPU and wall seconds of pipeline and teacher, and those that the products alone need."""

    theirs: float
    ours: float
    wall_ratio: float
    needed: float


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--texts", "files", multiple=True, required=True, help="NAME=FILE: JSONL or CSV with `text`.")
@click.option("--rows", default=4096, show_default=True, help="Rows of each file, at most.")
@click.option("--threads", multiple=True, type=int, default=(1, 2), show_default=True)
@click.option("--turns", default=3, show_default=True, help="Times that both predict all rows, in turn.")
@click.option("--note", default="", help="What limits the figures.")
def main(
    folder: Path, files: tuple[str, ...], rows: int, threads: tuple[int, ...], turns: int, note: str
) -> None:
    """Compare the teacher in FOLDER with transformers' pipeline and write the table of the README."""
    quiet_libraries()
    teacher = load_teacher(folder)
    if not isinstance(teacher, ClassificationTeacher):
        raise click.UsageError("FOLDER: no classifier of texts")
    plain = pipeline(
        "text-classification",
        model=AutoModelForSequenceClassification.from_pretrained(folder / "model"),
        tokenizer=AutoTokenizer.from_pretrained(folder / "model"),
    )
    versions = f"torch {version('torch')}, transformers {version('transformers')}"
    lines = [
        f"{platform.machine()}, {versions}, float32, {today()}{note and f'; {note}'}.",
        "",
        "| texts | rows | tokens | threads | pipeline, CPU s | teacher, CPU s | ratio (wall) | shares |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    ratios = []
    for count in threads:
        torch.set_num_threads(count)
        for file in files:
            name, _, path = file.partition("=")
            texts = read_texts(Path(path))[:rows]
            lengths = tokens(teacher, texts)
            found = compared(teacher, plain, texts, sum(lengths), turns)
            lines.append(line(name, lengths, count, found))
            ratios.append(ratio(name, len(texts), count, found, note))
            click.echo(lines[-1])
    fill(README, "table", lines)
    record(README.parent, ratios)


def read_texts(file: Path) -> list[str]:
    """The texts of a file of rows."""
    content = file.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(content) if file.suffix == ".csv" else map(json.loads, content)
    return [row["text"] for row in rows]


def tokens(teacher: ClassificationTeacher, texts: Sequence[str]) -> Sequence[int]:
    """Length of each text."""
    lengths = teacher.task.row_lengths(teacher.processor, [{"text": text} for text in texts])
    assert lengths is not None
    return lengths


def compared(
    teacher: ClassificationTeacher, plain: Any, texts: Sequence[str], total: int, turns: int
) -> Seconds:
    """Both on the same texts, in turn. Raises `AssertionError` where the two disagree on a probability."""
    options = {"truncation": True, "max_length": teacher.task.max_length}

    def of_pipeline(some: Sequence[str]) -> Any:
        found = plain(list(some), batch_size=PIPELINE_BATCH, top_k=None, **options)
        return [{one["label"]: one["score"] for one in row} for row in found]

    def of_teacher(some: Sequence[str]) -> Any:
        logits = teacher.logits([{"text": text} for text in some])
        probs = torch.from_numpy(logits).softmax(-1).tolist()
        return [dict(zip(teacher.label_names, row, strict=True)) for row in probs]

    for work in (of_pipeline, of_teacher):
        work(texts[:PIPELINE_BATCH])
    took: list[list[Any]] = [[], []]
    rates = []
    for _ in range(turns):
        expected, seconds = timed(of_pipeline, texts)
        took[0].append(seconds)
        found, seconds = timed(of_teacher, texts)
        took[1].append(seconds)
        rates.append(product_rate())
        for one, other in zip(expected, found, strict=True):
            assert all(abs(one[label] - other[label]) < TOLERANCE for label in one)
    (theirs, their_wall), (ours, our_wall) = (np.median(one, axis=0) for one in took)
    needed = 2 * parameters_of_products(teacher.model) * total / float(np.median(rates))
    return Seconds(float(theirs), float(ours), float(their_wall / our_wall), needed)


def line(name: str, lengths: Sequence[int], threads: int, found: Seconds) -> str:
    """One line of the table."""
    return (
        f"| {name} | {len(lengths):,} | {np.mean(lengths):.1f} | {threads} | {found.theirs:.1f} "
        f"| {found.ours:.1f} | {found.theirs / found.ours:.2f} ({found.wall_ratio:.2f}) "
        f"| {found.needed / found.theirs:.0%}, {found.needed / found.ours:.0%} |"
    )


def ratio(name: str, rows: int, threads: int, found: Seconds, note: str) -> Ratio:
    """The line for the table of all benchmarks."""
    return Ratio(
        what=f"probabilities of {name}, float32" + ("" if threads == 1 else f", {threads} threads"),
        peer="transformers' `pipeline`, batches of 32",
        measure="CPU seconds",
        ratio=round(found.theirs / found.ours, 2),
        command=f"python -m benchmarks.inference artifacts/teacher --texts {name}=FILE --rows {rows}",
        date=today(),
        machine=machine_class(),
        note=note,
    )


def timed(work: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> tuple[Any, Any]:
    """What `work` gives, and its CPU and wall seconds `[2]`."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = work(texts)
    return found, np.array([time.process_time() - cpu, time.perf_counter() - wall])


def parameters_of_products(model: Any) -> int:
    """Weights of the layers that see every token; pooler and head see one vector a row."""
    return sum(
        module.weight.numel()
        for module in model.base_model.encoder.modules()
        if isinstance(module, torch.nn.Linear)
    )


def product_rate() -> float:
    """Multiplications and additions in a CPU second that a product of a layer's usual size reaches here."""
    rows, weights, bias = torch.randn(1024, 384), torch.randn(1536, 384), torch.randn(1536)
    rates = []
    with torch.inference_mode():
        for _ in range(5):
            cpu, count = time.process_time(), 40
            for _ in range(count):
                torch.nn.functional.linear(rows, weights, bias)
            rates.append(count * 2 * rows.numel() * len(weights) / (time.process_time() - cpu))
    return float(np.median(rates))


main()
