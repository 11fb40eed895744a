"""What predictions of a packaged classifier cost: `python -m benchmarks.inference artifacts/teacher ...`.

The same texts go through the teacher and through transformers' own `pipeline`, in turns of some thousand
rows, so that other work on the machine meets both. Compared are CPU seconds of this process. The shares are
those of the seconds that the layers' products alone need, without padding, at the rate of a large product.
"""

import json
import platform
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from benchmarks.page import fill
from teacherspec.serving import load_teacher
from teacherspec.serving.classification import ClassificationTeacher
from teacherspec.tasks.shared.hf_loading import quiet_libraries

README = Path(__file__).with_name("README.md")
TURN = 2048
"""Rows of a turn: what `predict` reads at once of a file."""
BATCH_SIZE = 32


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--texts", "files", multiple=True, required=True, help="NAME=FILE, JSONL with `text`.")
@click.option("--rows", default=4096, show_default=True, help="Rows of each file, at most.")
@click.option("--threads", multiple=True, type=int, default=(1, 2), show_default=True)
def main(folder: Path, files: tuple[str, ...], rows: int, threads: tuple[int, ...]) -> None:
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
    lines = [
        f"{platform.machine()}, torch {version('torch')}, transformers {version('transformers')}, float32.",
        "",
        "| texts | rows | tokens | threads | pipeline, CPU s | teacher, CPU s | ratio (wall) | shares |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for count in threads:
        torch.set_num_threads(count)
        for file in files:
            name, _, path = file.partition("=")
            content = Path(path).read_text(encoding="utf-8").splitlines()[:rows]
            lines.append(
                compared(teacher, plain, name, [json.loads(line)["text"] for line in content], count)
            )
            click.echo(lines[-1])
    fill(README, "table", lines)


def compared(teacher: ClassificationTeacher, plain: Any, name: str, texts: list[str], threads: int) -> str:
    """One line of the table. Raises `AssertionError` where the two disagree on a probability."""
    options = {"truncation": True, "max_length": teacher.task.max_length}
    lengths = [len(ids) for ids in teacher.processor(texts, **options)["input_ids"]]

    def of_pipeline(some: Sequence[str]) -> Any:
        found = plain(list(some), batch_size=BATCH_SIZE, top_k=None, **options)
        return [{one["label"]: one["score"] for one in row} for row in found]

    def of_teacher(some: Sequence[str]) -> Any:
        logits = teacher.logits([{"text": text} for text in some], batch_size=BATCH_SIZE)
        probs = torch.from_numpy(logits).softmax(-1).tolist()
        return [dict(zip(teacher.label_names, row, strict=True)) for row in probs]

    theirs, ours = np.zeros(2), np.zeros(2)
    for work in (of_pipeline, of_teacher):
        work(texts[:BATCH_SIZE])
    for start in range(0, len(texts), TURN):
        some = texts[start : start + TURN]
        expected, took = timed(of_pipeline, some)
        theirs += took
        found, took = timed(of_teacher, some)
        ours += took
        for one, other in zip(expected, found, strict=True):
            assert all(abs(one[label] - other[label]) < 1e-4 for label in one)
    needed = 2 * parameters_of_products(teacher.model) * sum(lengths) / product_rate()
    ratio, wall = theirs / ours
    return (
        f"| {name} | {len(texts):,} | {np.mean(lengths):.1f} | {threads} | {theirs[0]:.1f} | {ours[0]:.1f} "
        f"| {ratio:.2f} ({wall:.2f}) | {needed / theirs[0]:.0%}, {needed / ours[0]:.0%} |"
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
            cpu, count = time.process_time(), 100
            for _ in range(count):
                torch.nn.functional.linear(rows, weights, bias)
            rates.append(count * 2 * rows.numel() * len(weights) / (time.process_time() - cpu))
    return float(np.median(rates))


main()
