"""How fast images become examples, and how long training waits for them.

    python -m benchmarks.vision FOLDER_OF_IMAGES [--images 300] [--repeats 3] [--base FOLDER]

Prints JSON: images a second of a plain Pillow loop (open, RGB, resize, normalise) and of our examples in
this process and with workers, and the share of a training step that is spent waiting for its batch.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np


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
    return {"waiting_share": round(waited / (waited + trained), 3), "step_s": round(trained / batches, 4)}


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

    from teacherspec import machine
    from teacherspec.tasks.augmentation import Augmentation, RandomCrop
    from teacherspec.tasks.image_classification import ImageClassification
    from teacherspec.tasks.image_examples import input_sizes
    from teacherspec.tasks.images import plain_image
    from teacherspec.tasks.verbs import Start

    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    contents = [plain_image(path.read_bytes(), 1 << 26).content for path in paths[:images]]
    rows = Dataset.from_dict(
        {"id": [str(i) for i in range(len(contents))], "image": contents, "label": [0] * len(contents)}
    )
    task = ImageClassification(kind="image_classification")
    model, processor = task.load_base(base, ("a", "b"), Start())
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
    rates = {
        name: round(len(contents) / statistics.median(seconds(way) for _ in range(repeats)), 1)
        for name, way in ways.items()
    }
    model.train(True)
    batches = len(contents) // batch_size
    waits = {f"{count} workers": waiting(loader(augmented, count), model, batches) for count in (0, workers)}
    found = {"images": len(contents), "input": side, "images_per_s": rates, "training": waits}
    click.echo(json.dumps({**found, "machine": machine.describe()}, indent=2))


if __name__ == "__main__":
    main()
