"""The teacher's distributions over tokens, as its top k and sums of the rest, with the tokens of the rows.

The columns are named like those of the packaged soft targets, and hold what a student receives of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.errors import DataError
from teacherspec.runtime.atomic_io import read_json, write_json, write_parquet

FOLDER = "top_k"
"""Folder of these files in `artifacts/evaluate`."""

VOCABULARY = "vocabulary.json"

Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class TopKTokens:
    """N rows of L tokens together, U of them supervised and predicted by another one.

    Attributes:
        ids: row ids, length N.
        lengths: `[N]` tokens of each row.
        input_ids: `[L]` int32, row after row.
        supervised: `[L]` bool.
        positions: `[N]` supervised tokens of each row that another one predicts, at least 1.
        targets: field of `teacherspec.text.topk_logits.TopK` → `[U]` or `[U, k]`.
    """

    ids: Sequence[str]
    lengths: npt.NDArray[np.int64]
    input_ids: npt.NDArray[np.int32]
    supervised: npt.NDArray[np.bool_]
    positions: npt.NDArray[np.int64]
    targets: Mapping[str, Numbers]

    def __post_init__(self) -> None:
        total, predicted = int(self.lengths.sum()), int(self.positions.sum())
        sizes = {len(one) for one in self.targets.values()}
        if (len(self.input_ids), len(self.supervised)) != (total, total) or sizes != {predicted}:
            raise ValueError(
                f"top-k tokens disagree: {total} tokens, {predicted} positions; {len(self.input_ids)} ids, "
                f"{len(self.supervised)} marks, {sizes} targets"
            )

    @cached_property
    def token_starts(self) -> npt.NDArray[np.int64]:
        """`[N + 1]` where the tokens of each row begin."""
        return np.concatenate(([0], np.cumsum(self.lengths)))

    @cached_property
    def position_starts(self) -> npt.NDArray[np.int64]:
        """`[N + 1]` where the positions of each row begin."""
        return np.concatenate(([0], np.cumsum(self.positions)))

    @cached_property
    def prompt(self) -> npt.NDArray[np.int64]:
        """`[N]` number of each row's prompt, from 0 in the order of their first rows.

        A prompt is all before the first supervised token; rows with the same one are answers to it.
        """
        known: dict[bytes, int] = {}
        numbers = []
        for start, end in pairwise(self.token_starts):
            supervised = np.flatnonzero(self.supervised[start:end])
            prompt = self.input_ids[start : start + supervised[0]].tobytes()
            numbers.append(known.setdefault(prompt, len(known)))
        return np.asarray(numbers, np.int64)

    def take(self, rows: Sequence[int] | npt.NDArray[np.intp]) -> "TopKTokens":
        """Some rows, in the given order."""
        chosen = np.asarray(rows, np.intp)
        tokens = _ranges(self.token_starts[chosen], self.lengths[chosen])
        places = _ranges(self.position_starts[chosen], self.positions[chosen])
        return TopKTokens(
            [self.ids[row] for row in chosen],
            self.lengths[chosen],
            self.input_ids[tokens],
            self.supervised[tokens],
            self.positions[chosen],
            {name: values[places] for name, values in self.targets.items()},
        )

    @staticmethod
    def joined(parts: "Sequence[TopKTokens]") -> "TopKTokens":
        """The rows of all parts, one part after the other."""
        return TopKTokens(
            [row_id for part in parts for row_id in part.ids],
            np.concatenate([part.lengths for part in parts]),
            np.concatenate([part.input_ids for part in parts]),
            np.concatenate([part.supervised for part in parts]),
            np.concatenate([part.positions for part in parts]),
            {name: np.concatenate([part.targets[name] for part in parts]) for name in parts[0].targets},
        )


def _ranges(starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`start, …, start + size - 1` of each pair, one after the other."""
    ends = np.cumsum(sizes)
    shift: npt.NDArray[np.int64] = np.repeat(starts - (ends - sizes), sizes)
    return shift + np.arange(len(shift))


def save_top_k(folder: Path, split: str, tokens: TopKTokens) -> None:
    """Write `top_k/<split>.parquet`, a row for each row of the split."""
    import pyarrow as pa

    rows, places = (starts.astype(np.int32) for starts in (tokens.token_starts, tokens.position_starts))

    def lists(offsets: npt.NDArray[np.int32], values: Numbers) -> pa.Array:
        flat = pa.array(np.ascontiguousarray(values).reshape(-1))
        if values.ndim > 1:
            flat = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
        return pa.ListArray.from_arrays(pa.array(offsets), flat)

    columns = {
        "id": pa.array(tokens.ids, pa.string()),
        "input_ids": lists(rows, tokens.input_ids),
        "completion_mask": lists(rows, tokens.supervised),
        **{name: lists(places, values) for name, values in tokens.targets.items()},
    }
    write_parquet(folder / FOLDER / f"{split}.parquet", pa.table(columns))


def save_vocabulary(folder: Path, rows: int) -> None:
    """Write `top_k/vocabulary.json`, the width of the logits that the top k are of."""
    write_json(folder / FOLDER / VOCABULARY, {"rows": rows})


def load_vocabulary(folder: Path) -> int:
    """The width of the teacher's logits.

    Raises:
        DataError: `folder` (`artifacts/evaluate`) holds no top k.
    """
    return int(read_json(_existing(folder / FOLDER / VOCABULARY))["rows"])


def load_top_k(folder: Path, split: str) -> TopKTokens:
    """Read what `save_top_k` wrote to `folder` (`artifacts/evaluate`).

    Raises:
        DataError: it wrote nothing of this split.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(_existing(folder / FOLDER / f"{split}.parquet")).combine_chunks()
    columns = {name: table[name].chunk(0) for name in table.column_names}

    def flat(name: str) -> Numbers:
        values = columns[name].flatten()
        wide = getattr(values.type, "list_size", None)
        array: Numbers = (values if wide is None else values.flatten()).to_numpy(zero_copy_only=False)
        return array if wide is None else array.reshape(-1, wide)

    def sizes(name: str) -> npt.NDArray[np.int64]:
        lengths: npt.NDArray[np.int64] = columns[name].value_lengths().to_numpy().astype(np.int64)
        return lengths

    named = {name for name in columns if name not in ("id", "input_ids", "completion_mask")}
    return TopKTokens(
        columns["id"].to_pylist(),
        sizes("input_ids"),
        flat("input_ids"),
        flat("completion_mask"),
        sizes(sorted(named)[0]),
        {name: flat(name) for name in columns if name in named},
    )


def _existing(path: Path) -> Path:
    if not path.exists():
        raise DataError(f"{path}: not found; declare `evaluate.top_k` and run the stage `evaluate`")
    return path
