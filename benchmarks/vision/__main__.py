"""How fast images become examples, and how long training waits for them.

    python -m benchmarks.vision FOLDER_OF_IMAGES [--images 300] [--repeats 3] [--base FOLDER]

Writes into the README beside this file: images a second of a plain Pillow loop (open, RGB, resize,
normalise) and of our examples in this process and with workers, and the share of a training step that is
spent waiting for its batch.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.page import fill

README = Path(__file__).with_name("README.md")


def plain_loop(contents: list[bytes], side: int) -> Iterator[np.ndarray]:
    """What anyone writes first: no library but Pillow and numpy."""
    import io

    from PIL import Image

    for content in contents:
        with Image.open(io.BytesIO(content)) as image:
            small = image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
        yield ((np.asarray(small, np.float32) / 255 - 0.5) / 0.5).transpose(2, 0, 1)


def seconds(make: Callable[[], Iterable[Any]]) -> float:
    """Time to go through all that `make` gives."""
    began = time.perf_counter()
    for _ in make():
        pass
    return time.perf_counter() - began


def waiting(loader: Iterable[Any], model: Any, batches: int) -> dict[str, float]:
    """Share of the time of `batches` training steps that passes before the batch is there."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    waited = trained = 0.0
    given = iter(loader)
    for _ in range(batches):
        began = time.perf_counter()
        batch = next(given, None)
        if batch is None:
            break
        arrived = time.perf_counter()
        loss = torch.nn.functional.cross_entropy(
            model(pixel_values=batch["pixel_values"]).logits, batch["labels"]
        )
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        waited += arrived - began
        trained += time.perf_counter() - arrived
    return {"waited": waited / batches, "trained": trained / batches}


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def write(about: str, rates: Mapping[str, float], waits: Mapping[str, Mapping[str, float]]) -> None:
    """Print the tables, and write them between the markers of the README."""
    plain = next(iter(rates.values()))
    lines = [about, "", "| images become examples | images a second | to the plain loop |", "|---|---:|---:|"]
    lines += [f"| {name} | {rate:.0f} | {rate / plain:.2f} |" for name, rate in rates.items()]
    lines += ["", "| training | s a step, of which | waiting for the batch | share |", "|---|---:|---:|---:|"]
    for name, wait in waits.items():
        step = wait["waited"] + wait["trained"]
        lines.append(f"| {name} | {step:.3f} | {wait['waited']:.4f} | {wait['waited'] / step:.1%} |")
    click.echo("\n".join(lines))
    fill(README, "figures", lines)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--images", default=300, show_default=True, help="Images used at most.")
@click.option("--repeats", default=3, show_default=True, help="The median of so many runs counts.")
@click.option("--base", type=click.Path(exists=True, path_type=Path), required=True, help="A base folder.")
@click.option("--batch-size", default=16, show_default=True)
def main(folder: Path, images: int, repeats: int, base: Path, batch_size: int) -> None:
    """Measure on the images below FOLDER."""
    import torch
    from datasets import Dataset

    from teacherspec.runtime import machine
    from teacherspec.spec.augmentation import Augmentation, RandomCrop
    from teacherspec.tasks.image_classification.task import ImageClassification
    from teacherspec.tasks.shared.image_dataset import input_sizes
    from teacherspec.tasks.shared.image_decoding import plain_image
    from teacherspec.tasks.shared.interfaces.model import ModelInit

    load = os.getloadavg()[0]
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    contents = [plain_image(path.read_bytes(), 1 << 26).content for path in paths[:images]]
    rows = Dataset.from_dict(
        {"id": [str(i) for i in range(len(contents))], "image": contents, "label": [0] * len(contents)}
    )
    task = ImageClassification(kind="image_classification")
    model, processor = task.load_base(base, ("a", "b"), ModelInit())
    side = input_sizes(processor)[0][0]
    collate = task.collate(processor)

    def loader(examples: Any, workers: int) -> Any:
        return torch.utils.data.DataLoader(
            examples, batch_size=batch_size, collate_fn=collate, num_workers=workers
        )

    plain = task.encode(processor, rows)
    augmented = task.encode_training(
        processor, rows, ("a", "b"), Augmentation(crop=RandomCrop(), flip=0.5), seed=0
    )
    workers = max(1, machine.workers())
    ways: dict[str, Callable[[], Iterable[Any]]] = {
        "plain Pillow loop": lambda: plain_loop(contents, side),
        "examples": lambda: loader(plain, 0),
        "examples, augmented": lambda: loader(augmented, 0),
        f"examples, augmented, {workers} workers": lambda: loader(augmented, workers),
    }
    # In turn, so that whatever else the machine does falls on all alike.
    turns = [{name: seconds(way) for name, way in ways.items()} for _ in range(repeats)]
    rates = {name: len(contents) / taken for name, taken in medians(turns).items()}
    model.train(True)
    batches = len(contents) // batch_size
    counts = {f"{count} workers": count for count in (0, workers)}
    steps = [
        {name: waiting(loader(augmented, count), model, batches) for name, count in counts.items()}
        for _ in range(repeats)
    ]
    waits = {name: medians([turn[name] for turn in steps]) for name in counts}
    about = (
        f"{len(contents)} images to {side} × {side}; {model.config.model_type} of "
        f"{sum(p.numel() for p in model.parameters()):,} numbers, {batch_size} images a step; "
        f"{platform.machine()}, {os.cpu_count()} processors, load {load:.1f} at the start, "
        f"{torch.get_num_threads()} threads in training; torch {torch.__version__}, "
        f"Pillow {version('pillow')}; median of {repeats}."
    )
    write(about, rates, waits)


if __name__ == "__main__":
    main()
