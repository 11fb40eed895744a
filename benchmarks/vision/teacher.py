"""Images a CPU second of a teacher's training and evaluation, against plain loops over transformers.

    export OMP_NUM_THREADS=1 TEACHERSPEC_WORKERS=0
    python -m benchmarks.vision.teacher artifacts/prepare models/dinov2-small

The rows of a prepared image classifier, one thread, a validation after each epoch. The plain loops decode by
Pillow, let the base's image processor make batches, and step AdamW: no checkpoint and no check. Ours is what
the stage `finetune` does up to the trained model in memory, and what `evaluate` calls for logits.
"""

import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from datasets import Dataset
from PIL import Image

from benchmarks.page import fill
from benchmarks.ratios import Ratio, machine_class, record, today
from teacherspec.finetune.inputs import Training, load_inputs
from teacherspec.finetune.train import train
from teacherspec.inference.classification import predict
from teacherspec.runtime.atomic_io import sha256_file, write_parquet
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared, Split, load_prepared, open_split
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared.interfaces.model import ModelInit

FOLDER = Path(__file__).parent
COMMAND = "python -m benchmarks.vision.teacher artifacts/prepare models/dinov2-small"
TASK = ImageClassification(kind="image_classification")
BATCH = 16
TRAININGS: dict[str, dict[str, Any]] = {
    "training the head alone, 4 epochs": {"epochs": 4, "method": {"kind": "full", "freeze": "backbone"}},
    "training every weight, 1 epoch": {"epochs": 1, "method": {"kind": "full"}},
}


def few(prepared: Prepared, images: int, folder: Path) -> Prepared:
    """Train and validation splits of so many rows, drawn with seed 0."""
    splits = {}
    for name in ("train", "validation"):
        rows = open_split(prepared.splits[name])
        chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[:images])
        path = folder / f"{name}.parquet"
        write_parquet(path, rows.data.table.take(chosen))
        splits[name] = Split(name, prepared.splits[name].role, len(chosen), sha256_file(path), path)
    return replace(prepared, splits=splits)


def batches(processor: Any, rows: Dataset, order: list[int]) -> Iterator[dict[str, Any]]:
    """What anyone writes first: open, RGB, the base's processor."""
    for begin in range(0, len(order), BATCH):
        chosen = [rows[at] for at in order[begin : begin + BATCH]]
        images = [Image.open(io.BytesIO(row["image"])).convert("RGB") for row in chosen]
        yield {
            **processor(images, return_tensors="pt"),
            "labels": torch.tensor([row["label"] for row in chosen]),
        }


def plain_training(prepared: Prepared, base: Path, section: Finetune) -> None:
    """A loop over epochs and batches; what is frozen needs no gradient."""
    torch.manual_seed(0)
    model, processor = TASK.load_base(base, prepared.label_names, ModelInit())
    if section.method.model_dump().get("freeze") == "backbone":
        model.base_model.requires_grad_(False)
    rows = open_split(prepared.splits["train"])
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=section.learning_rate)
    for epoch in range(section.epochs):
        model.train()
        order = np.random.default_rng(epoch).permutation(len(rows))
        for batch in batches(processor, rows, order.tolist()):
            model(**batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        validate(model.eval(), processor, prepared)


def our_training(prepared: Prepared, base: Path, section: Finetune) -> None:
    """As the stage `finetune`, up to the trained model in memory."""
    training = Training(TASK, section, base, prepared, ModelInit())
    with tempfile.TemporaryDirectory() as scratch:
        train(training, load_inputs(training), Path(scratch))


def validate(model: Any, processor: Any, prepared: Prepared) -> None:
    """Logits of the validation rows."""
    rows = open_split(prepared.splits["validation"])
    with torch.inference_mode():
        for batch in batches(processor, rows, list(range(len(rows)))):
            model(pixel_values=batch["pixel_values"])


def plain_evaluation(prepared: Prepared, base: Path) -> None:
    """The same from the folder of a model."""
    validate(*TASK.load_base(base, prepared.label_names, ModelInit()), prepared)


def our_evaluation(prepared: Prepared, base: Path) -> None:
    """The same by the function that the stage `evaluate` calls."""
    model, processor = TASK.load_base(base, prepared.label_names, ModelInit())
    predict(TASK, model, processor, open_split(prepared.splits["validation"]), BATCH)


def cpu_seconds(work: Callable[..., None], *given: Any) -> float:
    """Of all threads of this process."""
    began = time.process_time()
    work(*given)
    return time.process_time() - began


def table(found: dict[str, tuple[float, float]], about: str) -> list[str]:
    """Images a CPU second of both, and how many times as many ours are."""
    lines = [
        about,
        "",
        "| work | plain loop, images/s | ours, images/s | theirs ÷ ours |",
        "|---|--:|--:|--:|",
    ]
    for name, (plain, ours) in found.items():
        lines.append(f"| {name} | {plain:.2f} | {ours:.2f} | {ours / plain:.2f} |")
    return lines


@click.command()
@click.argument("prepared", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("base", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--images", default=24, show_default=True, help="Rows of train and of validation.")
def main(prepared: Path, base: Path, images: int) -> None:
    """Measure, fill the page and record the ratios."""
    torch.set_num_threads(1)
    found: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as place:
        rows = few(load_prepared(prepared), images, Path(place))
        counts = {name: split.rows for name, split in rows.splits.items()}
        for name, values in TRAININGS.items():
            declared = {"batch_size": BATCH, "learning_rate": 1e-4, **values}
            section = Finetune.model_validate_json(json.dumps(declared))
            both = [cpu_seconds(way, rows, base, section) for way in (plain_training, our_training)]
            passed = sum(counts.values()) * section.epochs
            found[name] = (passed / both[0], passed / both[1])
        both = [cpu_seconds(way, rows, base) for way in (plain_evaluation, our_evaluation)]
        found["evaluation"] = (counts["validation"] / both[0], counts["validation"] / both[1])
    about = (
        f"{counts['train']} train and {counts['validation']} validation images; {machine_class()}; {today()}."
    )
    lines = table(found, about)
    click.echo("\n".join(lines))
    fill(FOLDER / "README.md", "teacher", lines)
    measured = [
        Ratio(f"DINOv2-small: {name}", "a plain loop over transformers", "images a CPU second",
              round(ours / plain, 2), COMMAND, today(), machine_class())
        for name, (plain, ours) in found.items()
    ]  # fmt: skip
    record(FOLDER, measured)


if __name__ == "__main__":
    main()
