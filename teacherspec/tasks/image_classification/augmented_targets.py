"""Augmented views of training images with the teacher's logits, for a student trained on the same views.

A patient and consistent teacher (Beyer et al. 2022, arXiv 2106.05237) gives logits for each crop that its
student is trained on. The geometry is recorded; changes of colour and mixing are left to the student.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.runtime.atomic_io import write_parquet_parts
from teacherspec.spec.augmentation import Augmentation
from teacherspec.tasks.shared.image_augment import draw_view, generator
from teacherspec.tasks.shared.image_dataset import input_sizes, pixel_values, resize_options
from teacherspec.tasks.shared.image_decoding import decode

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

ROWS_AT_ONCE = 32


def write_views(
    path: Path, model: Any, processor: Any, rows: "Dataset", augmentation: Augmentation, seed: int
) -> None:
    """Write `augmentation.recorded_views` views of each row as Parquet.

    Columns: `id`, `view` (from 0), `left`, `top`, `right`, `bottom` (pixels of the stored image; null where
    the whole is shown), `flip`, `vertical_flip`, `height`, `width` (the view is resized to them, bicubic),
    `logits` `[C]` float32 at temperature 1.

    Args:
        path: of the file.
        model: fine-tuned, in eval mode.
        processor: of the model.
        rows: the train split.
        augmentation: which geometry is drawn.
        seed: `params.yaml: finetune.seed`.
    """
    import pyarrow as pa

    classes = len(model.config.id2label)
    numbers = ("left", "top", "right", "bottom")
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("view", pa.int32()),
            *((name, pa.int32()) for name in numbers),
            ("flip", pa.bool_()),
            ("vertical_flip", pa.bool_()),
            ("height", pa.int32()),
            ("width", pa.int32()),
            ("logits", pa.list_(pa.float32(), classes)),
        ]
    )
    write_parquet_parts(path, schema, _parts(schema, model, processor, rows, augmentation, seed))


def _parts(
    schema: "pa.Schema", model: Any, processor: Any, rows: "Dataset", augmentation: Augmentation, seed: int
) -> "Iterator[pa.Table]":
    import pyarrow as pa

    size = input_sizes(processor)[0]
    for view in range(augmentation.recorded_views):
        for start in range(0, len(rows), ROWS_AT_ONCE):
            batch = rows.select(range(start, min(start + ROWS_AT_ONCE, len(rows))))
            yield pa.Table.from_pylist(
                _with_logits(model, processor, batch, view, augmentation, seed, size), schema=schema
            )


def _with_logits(
    model: Any,
    processor: Any,
    rows: "Dataset",
    number: int,
    augmentation: Augmentation,
    seed: int,
    size: tuple[int, int],
) -> list[dict[str, Any]]:
    """One view of each of some rows, with the logits of the model on it."""
    import torch

    rows_of_view, values = [], []
    for row in rows:
        image = decode(row["image"])
        view = draw_view(augmentation, image.width, image.height, generator(seed, "view", number, row["id"]))
        box = view.box or (None, None, None, None)
        values.append(
            pixel_values(processor, [view.of(image, size)], **resize_options(view.box is not None))[0]
        )
        rows_of_view.append(
            {
                "id": row["id"],
                "view": number,
                **dict(zip(("left", "top", "right", "bottom"), box, strict=True)),
                "flip": view.flip,
                "vertical_flip": view.vertical_flip,
                "height": size[0],
                "width": size[1],
            }
        )
    with torch.inference_mode():
        logits = model(pixel_values=torch.stack(values).to(model.device)).logits.float().cpu().numpy()
    return [
        {**view_row, "logits": row_logits}
        for view_row, row_logits in zip(rows_of_view, np.asarray(logits, np.float32), strict=True)
    ]
