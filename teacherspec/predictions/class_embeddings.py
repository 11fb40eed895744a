"""What a dual encoder computes logits from: embeddings of rows and of classes, and their factor."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from teacherspec.errors import DataError
from teacherspec.runtime.atomic_io import read_json, write_json, write_parquet

FOLDER = "embeddings"
"""Folder of these files in `artifacts/evaluate`."""

CLASSES = "classes.json"


@dataclass(frozen=True)
class ClassSpace:
    """Classes in the space of embeddings: logits are `scale · embeddings @ classes.T`, plus a constant.

    Attributes:
        classes: `[C, D]` float32, of length 1.
        scale: factor of the cosines, already exponentiated.
    """

    classes: npt.NDArray[np.float32]
    scale: float


def save_class_space(folder: Path, space: ClassSpace) -> None:
    """Write it into `folder` (`artifacts/evaluate`)."""
    write_json(folder / FOLDER / CLASSES, {"scale": space.scale, "classes": space.classes.tolist()})


def load_class_space(folder: Path) -> ClassSpace:
    """Read it from `folder` (`artifacts/evaluate`).

    Raises:
        DataError: it was not stored.
    """
    path = folder / FOLDER / CLASSES
    if not path.is_file():
        raise DataError(f"{path}: not found; declare evaluate.embeddings: true and run `evaluate` again")
    content = read_json(path)
    return ClassSpace(np.asarray(content["classes"], np.float32), content["scale"])


def save_embeddings(folder: Path, split: str, ids: Sequence[str], values: npt.NDArray[np.float32]) -> None:
    """Write embeddings `[N, D]` of the rows of a split: `id`, `image_embeds`."""
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    lists = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    table = pa.table({"id": pa.array(ids, pa.string()), "image_embeds": lists})
    write_parquet(folder / FOLDER / f"{split}.parquet", table)


def load_embeddings(folder: Path, split: str) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Ids and embeddings `[N, D]` of the rows of a split.

    Raises:
        DataError: they were not stored.
    """
    import pyarrow.parquet as pq

    path = folder / FOLDER / f"{split}.parquet"
    if not path.is_file():
        raise DataError(f"{path}: not found; declare evaluate.embeddings: true and run `evaluate` again")
    table = pq.read_table(path).combine_chunks()
    width = table.schema.field("image_embeds").type.list_size
    flat: npt.NDArray[np.float32] = table["image_embeds"].chunk(0).flatten().to_numpy()
    return table["id"].to_pylist(), flat.reshape(-1, width)
