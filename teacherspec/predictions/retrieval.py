"""Predictions of retrieval: embeddings of images and texts, and how they are compared.

The later stages know no task and run no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.retrieval import Paired
from teacherspec.predictions.index import read_split
from teacherspec.runtime.atomic_io import read_json, write_json, write_parquet

OUTPUT_TYPE = "retrieval"
"""This type of output, as named in `predictions.json`."""

COMPARISON = "predictions/comparison.json"


@dataclass(frozen=True)
class Comparison:
    """How cosines become logits.

    Attributes:
        logit_scale: factor of the cosines, already exponentiated.
        logit_bias: added to them; 0 where the model has none.
        candidate_set_size: candidates among which one is right, where probabilities are measured.
        seed: by which the others are drawn.
    """

    logit_scale: float
    logit_bias: float
    candidate_set_size: int
    seed: int


@dataclass(frozen=True)
class EmbeddingPredictions:
    """N pairs of one split.

    Attributes:
        ids: row ids, length N.
        images: `[N, D]` float32, of length 1.
        texts: `[N, D]` float32, of length 1.
        image_of: `[N]` numbers, equal where images are.
        text_of: `[N]` numbers, equal where texts are.
    """

    ids: Sequence[str]
    images: npt.NDArray[np.float32]
    texts: npt.NDArray[np.float32]
    image_of: npt.NDArray[np.int64]
    text_of: npt.NDArray[np.int64]

    @property
    def pairs(self) -> Paired:
        """The same without ids, for metrics."""
        return Paired(self.images, self.texts, self.image_of, self.text_of)


def save_embedding_predictions(folder: Path, split: str, found: EmbeddingPredictions) -> None:
    """Write `predictions/<split>.parquet`: `id`, `image_of`, `text_of`, both embeddings as lists."""
    import pyarrow as pa

    def lists(values: npt.NDArray[np.float32]) -> pa.Array:
        flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])

    table = pa.table(
        {
            "id": pa.array(found.ids, pa.string()),
            "image_of": pa.array(found.image_of, pa.int64()),
            "text_of": pa.array(found.text_of, pa.int64()),
            "image_embeds": lists(found.images),
            "text_embeds": lists(found.texts),
        }
    )
    write_parquet(folder / "predictions" / f"{split}.parquet", table)


def load_embedding_predictions(folder: Path, split: str) -> EmbeddingPredictions:
    """Read the predictions of `split` from `folder` (`artifacts/evaluate`).

    Raises:
        DataError: there is no such split.
    """
    table = read_split(folder, split)

    def rows(name: str) -> npt.NDArray[np.float32]:
        flat: npt.NDArray[np.float32] = table[name].chunk(0).flatten().to_numpy()
        return flat.reshape(table.num_rows, table.schema.field(name).type.list_size)

    return EmbeddingPredictions(
        ids=table["id"].to_pylist(),
        images=rows("image_embeds"),
        texts=rows("text_embeds"),
        image_of=table["image_of"].to_numpy(),
        text_of=table["text_of"].to_numpy(),
    )


def save_comparison(folder: Path, comparison: Comparison) -> None:
    """Write how cosines become logits."""
    write_json(folder / COMPARISON, vars(comparison))


def load_comparison(folder: Path) -> Comparison:
    """Read how cosines become logits from `folder` (`artifacts/evaluate`)."""
    return Comparison(**read_json(folder / COMPARISON))
