"""Predictions of token classification: the logits of each word that the model reads, and the words' tags."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from teacherspec.predictions.index import read_split
from teacherspec.runtime.atomic_io import write_parquet

OUTPUT_TYPE = "tagging"
"""This type of output, as named in `predictions.json`."""

NO_TAG = -1
"""Tag of a word that nobody labelled (role `transfer`)."""

OUTSIDE_TAG = 0
"""The tag `O`, which is always the first one."""


@dataclass(frozen=True)
class TagPredictions:
    """N rows with W words together, of which the model reads T.

    The others are cut off at `task.max_length`, or the tokenizer makes nothing of them: they have no logits,
    and are predicted `O`.

    Attributes:
        ids: row ids, length N.
        words: `[N]` words of each row, at least 1; W is their sum.
        tags: `[W]` int32, index into the tags; `NO_TAG` where the row has none.
        read: `[W]` bool, which words the model reads.
        logits: `[T, C]` float32, temperature 1, of these words.
    """

    ids: Sequence[str]
    words: npt.NDArray[np.int64]
    tags: npt.NDArray[np.int32]
    read: npt.NDArray[np.bool_]
    logits: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        total, read = int(self.words.sum()), int(self.read.sum())
        given = (self.words.shape, self.tags.shape, self.read.shape, self.logits.shape[:1], self.logits.ndim)
        if given != ((len(self.ids),), (total,), (total,), (read,), 2):
            raise ValueError(f"predictions disagree: {len(self.ids)} ids, {total} words, shapes {given}")

    @cached_property
    def row(self) -> npt.NDArray[np.int64]:
        """Row `[T]` that each word that is read belongs to."""
        of_words = np.repeat(np.arange(len(self.ids)), self.words)
        chosen: npt.NDArray[np.int64] = of_words[self.read]
        return chosen

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Tags `[T]` of the words that are read."""
        return self.tags[self.read].astype(np.int64)

    def of_words(self, values: npt.NDArray[np.generic], otherwise: float) -> npt.NDArray[np.generic]:
        """Values `[T]` of the words that are read as those of all words `[W]`."""
        full = np.full(len(self.read), otherwise, dtype=values.dtype)
        full[self.read] = values
        return full

    def predicted(self) -> npt.NDArray[np.int64]:
        """The most likely tag `[W]` of each word."""
        return self.of_words(self.logits.argmax(axis=1), OUTSIDE_TAG).astype(np.int64)

    def select(self, rows: npt.NDArray[np.int64]) -> "TagPredictions":
        """Some rows, in this order."""
        ends, counts = np.cumsum(self.words), self.words[rows]
        begins = (ends - self.words)[rows]
        places = np.concatenate(
            [np.arange(0), *(np.arange(b, b + n) for b, n in zip(begins, counts, strict=True))]
        )
        at = np.cumsum(self.read) - 1
        chosen = places[self.read[places]]
        return TagPredictions(
            [self.ids[row] for row in rows],
            counts,
            self.tags[places],
            self.read[places],
            self.logits[at[chosen]],
        )


def save_tag_predictions(path: Path, predictions: TagPredictions) -> None:
    """Write one split as Parquet: `id`, lists of `tags` and `read` of each word, `logits` of those read."""
    import pyarrow as pa

    words = _offsets(predictions.words)
    reads = _offsets(np.bincount(predictions.row, minlength=len(predictions.ids)))
    classes = predictions.logits.shape[1]
    flat = pa.array(np.ascontiguousarray(predictions.logits, dtype=np.float32).reshape(-1))
    logits = pa.FixedSizeListArray.from_arrays(flat, classes)
    columns = {
        "id": pa.array(predictions.ids, pa.string()),
        "tags": pa.ListArray.from_arrays(pa.array(words), pa.array(predictions.tags, pa.int32())),
        "read": pa.ListArray.from_arrays(pa.array(words), pa.array(predictions.read)),
        "logits": pa.ListArray.from_arrays(pa.array(reads), logits),
    }
    write_parquet(path, pa.table(columns))


def _offsets(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int32)


def load_tag_predictions(folder: Path, split: str) -> TagPredictions:
    """Read the predictions of `split` from `folder` (`artifacts/evaluate`).

    Raises:
        DataError: there is no such split.
    """
    table = read_split(folder, split)
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    classes = table.schema.field("logits").type.value_type.list_size
    return TagPredictions(
        ids=table["id"].to_pylist(),
        words=columns["tags"].value_lengths().to_numpy().astype(np.int64),
        tags=columns["tags"].flatten().to_numpy(),
        read=columns["read"].flatten().to_numpy(zero_copy_only=False),
        logits=columns["logits"].flatten().flatten().to_numpy().reshape(-1, classes),
    )
