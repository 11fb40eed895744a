"""Embeddings as soft targets: where a dual encoder puts images and class prompts, for students of its space.

A student that learns these directions inherits the whole space, and with it classes that nobody declared
(as TinyCLIP, Wu et al. 2023, arXiv 2309.12314, does with affinities).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.files import replacing, write_json, write_parquet_parts
from teacherspec.prepared import Split, open_split
from teacherspec.tasks.dual_encoder import TEXT_INPUTS, DualProcessor, embed_classes, embed_images

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

    from teacherspec.tasks.verbs import Kind

ROWS_AT_ONCE = 32


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
    import torch
    from safetensors.numpy import save

    classes = len(processor.names)
    bias = getattr(model, "logit_bias", None)
    target.mkdir(parents=True)
    for split in splits:
        rows = open_split(split)
        write_parquet_parts(
            target / f"{split.name}.parquet",
            _schema(model, processor.shared is None, classes),
            _parts(task, model, processor, rows, classes),
        )
    scale = {
        "logit_scale": model.logit_scale.exp().item(),
        "logit_bias": 0.0 if bias is None else bias.item(),
    }
    write_json(target / "scale.json", {**scale, "label_names": list(processor.names)})
    if processor.shared is not None:
        with torch.inference_mode():
            shared = embed_classes(model, processor.shared, classes).float().contiguous().numpy()
        with replacing(target / "classes.safetensors") as partial:
            partial.write_bytes(save({"class_embeds": shared}))


def _width(model: Any) -> int:
    """D, of any dual encoder: SigLIP has no projection to tell it."""
    width: int = getattr(model.config, "projection_dim", None) or model.config.vision_config.hidden_size
    return width


def _schema(model: Any, own: bool, classes: int) -> "pa.Schema":
    import pyarrow as pa

    width = _width(model)
    columns = [("id", pa.string()), ("image_embeds", pa.list_(pa.float32(), width))]
    if own:
        columns.append(("class_embeds", pa.list_(pa.float32(), classes * width)))
    return pa.schema(columns)


def _parts(
    task: "Kind", model: Any, processor: DualProcessor, rows: "Dataset", classes: int
) -> "Iterator[pa.Table]":
    import pyarrow as pa
    import torch

    encoded, collate = task.encode(processor, rows), task.collate(processor)
    schema = _schema(model, processor.shared is None, classes)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        places = range(start, min(start + ROWS_AT_ONCE, len(rows)))
        batch = collate([encoded[place] for place in places])
        with torch.inference_mode():
            found = {"image_embeds": embed_images(model, batch["pixel_values"])}
            if processor.shared is None:
                tokens = {name: batch[name] for name in TEXT_INPUTS if name in batch}
                found["class_embeds"] = embed_classes(model, tokens, classes).flatten(1)
        columns = {name: np.asarray(part.float().numpy()) for name, part in found.items()}
        lists = [
            pa.FixedSizeListArray.from_arrays(pa.array(part.reshape(-1)), part.shape[1])
            for part in columns.values()
        ]
        ids = pa.array(rows[places.start : places.stop]["id"], pa.string())
        yield pa.table([ids, *lists], schema=schema)
