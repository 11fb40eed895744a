"""Embeddings of images and class prompts as soft targets of a dual encoder.

A student trained on them learns the whole embedding space, and with it classes that were not declared
(as TinyCLIP, Wu et al. 2023, arXiv 2309.12314, does with affinities).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.runtime.atomic_io import read_json, replacing, write_json, write_parquet_parts
from teacherspec.splits import Split, open_split
from teacherspec.tasks.shared.dual_encoder_model import (
    TEXT_INPUTS,
    DualProcessor,
    embed_classes,
    embed_images,
    width,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

    from teacherspec.tasks.shared.interfaces.kind import Kind
    from teacherspec.tasks.shared.interfaces.model import Batch, Row

EMBEDDINGS = "embeddings"
"""Folder in `distill/`."""

SCALE, CLASSES = "scale.json", "classes.safetensors"

ROWS_AT_ONCE = 32

TOLERANCE = 1e-4
"""Largest difference of a coordinate between machines and batch shapes in float32; measured: about 1e-7."""


def write_embeddings(
    task: "Kind", model: Any, processor: DualProcessor, splits: Sequence[Split], target: Path
) -> None:
    """Write `target`: `<split>.parquet`, `scale.json`, and `classes.safetensors` where rows share prompts.

    Columns: `id`; `image_embeds` `[D]`; and where rows have prompts of their own `class_embeds` `[C·D]`, one
    class after the other. All of length 1, float32. `scale.json` holds the factor of the cosines
    (`logit_scale`, already exponentiated) and `logit_bias`, so that
    `logits = logit_scale * image_embeds @ class_embeds.T + logit_bias`.

    Args:
        task: a kind of pairs.
        model: in eval mode.
        processor: of the model, with the classes.
        splits: whose rows are embedded.
        target: folder to create.
    """
    from safetensors.numpy import save

    classes = len(processor.names)
    target.mkdir(parents=True)
    for split in splits:
        rows = open_split(split)
        write_parquet_parts(
            target / f"{split.name}.parquet",
            _schema(model, processor.shared is None, classes),
            _parts(task, model, processor, rows, classes),
        )
    write_json(target / SCALE, scale_of(model, processor))
    if processor.shared is not None:
        with replacing(target / CLASSES) as partial:
            partial.write_bytes(save({"class_embeds": _shared_classes(model, processor)}))


def _embedded(model: Any, processor: DualProcessor, batch: "Batch") -> dict[str, npt.NDArray[np.float32]]:
    """The columns of some rows: `image_embeds` `[B, D]`, and `class_embeds` `[B, C·D]` where rows differ."""
    import torch

    with torch.inference_mode():
        found = {"image_embeds": embed_images(model, batch)}
        if processor.shared is None:
            tokens = {name: batch[name] for name in TEXT_INPUTS if name in batch}
            found["class_embeds"] = embed_classes(model, tokens, len(processor.names)).flatten(1)
    return {name: part.float().numpy() for name, part in found.items()}


def check_embeddings(
    task: "Kind", model: Any, processor: DualProcessor, split: str, rows: "Sequence[Row]", folder: Path
) -> Iterator[str]:
    """Differences between `folder` and the embeddings of the model on some rows of a split.

    Args:
        task: a kind of pairs.
        model: as packaged.
        processor: of the model, with the classes.
        split: name of the split.
        rows: some of its rows, as packaged.
        folder: what `write_embeddings` wrote.
    """
    import pyarrow.parquet as pq

    path = folder / f"{split}.parquet"
    if not path.is_file():
        yield f"{EMBEDDINGS}/{path.name}: missing"
        return
    places = {name: place for place, name in enumerate(pq.read_table(path, columns=["id"])["id"].to_pylist())}
    if lost := [row["id"] for row in rows if row["id"] not in places]:
        yield f"{EMBEDDINGS}/{path.name}: holds no row {lost[0]}"
        return
    stored = pq.read_table(path).take([places[row["id"]] for row in rows]).to_pydict()
    found = _embedded(model, processor, task.batch(processor, rows))
    for name, own in found.items():
        off = np.abs(np.asarray(stored[name], np.float64) - own).max(axis=1)
        if not off.max() <= TOLERANCE:
            worst = rows[int(off.argmax())]["id"]
            yield f"{EMBEDDINGS}/{path.name}: row {worst}: the model's {name} are off by {off.max():.3g}"
    yield from _check_space(model, processor, folder)


def _check_space(model: Any, processor: DualProcessor, folder: Path) -> Iterator[str]:
    """Differences of label names, scale, bias and embeddings of the classes."""
    from safetensors.numpy import load_file

    stated = read_json(folder / SCALE)
    own = scale_of(model, processor)
    for name, value in own.items():
        near = value == stated[name] if name == "label_names" else np.isclose(value, stated[name], rtol=1e-6)
        if not near:
            yield f"{EMBEDDINGS}/{SCALE}: {name} is {stated[name]}, the model has {value}"
    if processor.shared is None:
        return
    if not (folder / CLASSES).is_file():
        yield f"{EMBEDDINGS}/{CLASSES}: missing"
        return
    stored, found = load_file(folder / CLASSES)["class_embeds"], _shared_classes(model, processor)
    if stored.shape != found.shape or not np.abs(stored - found).max() <= TOLERANCE:
        yield f"{EMBEDDINGS}/{CLASSES}: the model gives other embeddings of the classes"


def scale_of(model: Any, processor: DualProcessor) -> dict[str, Any]:
    """Factor and bias of the cosines, and the names of the classes."""
    bias = getattr(model, "logit_bias", None)
    return {
        "logit_scale": model.logit_scale.exp().item(),
        "logit_bias": 0.0 if bias is None else bias.item(),
        "label_names": list(processor.names),
    }


def _shared_classes(model: Any, processor: DualProcessor) -> npt.NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        found = embed_classes(model, processor.shared or {}, len(processor.names))
    return found.float().contiguous().numpy()


def _schema(model: Any, own: bool, classes: int) -> "pa.Schema":
    import pyarrow as pa

    size = width(model)
    columns = [("id", pa.string()), ("image_embeds", pa.list_(pa.float32(), size))]
    if own:
        columns.append(("class_embeds", pa.list_(pa.float32(), classes * size)))
    return pa.schema(columns)


def _parts(
    task: "Kind", model: Any, processor: DualProcessor, rows: "Dataset", classes: int
) -> "Iterator[pa.Table]":
    import pyarrow as pa

    encoded, collate = task.encode(processor, rows), task.collate(processor)
    schema = _schema(model, processor.shared is None, classes)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        places = range(start, min(start + ROWS_AT_ONCE, len(rows)))
        batch = collate([encoded[place] for place in places])
        columns = _embedded(model, processor, batch)
        lists = [
            pa.FixedSizeListArray.from_arrays(pa.array(part.reshape(-1)), part.shape[1])
            for part in columns.values()
        ]
        ids = pa.array(rows[places.start : places.stop]["id"], pa.string())
        yield pa.table([ids, *lists], schema=schema)
