"""The soft targets of a package, opened for those who write them in another form."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import UserError
from teacherspec.files import read_json
from teacherspec.package.soft_targets import CONFIG

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Source:
    """A package that is exported.

    Attributes:
        folder: the package.
        name: of the teacher.
        columns: of its soft targets.
        splits: with soft targets, → number of rows.
    """

    folder: Path
    name: str
    columns: frozenset[str]
    splits: dict[str, int]

    def batches(self, split: str, columns: list[str]) -> "Iterator[pa.RecordBatch]":
        """The rows of a split in bounded memory."""
        import pyarrow.parquet as pq

        for path in self.shards(split):
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(columns=columns)

    def rows(self, split: str, columns: list[str]) -> Iterator[dict[str, Any]]:
        """The rows of a split, one by one."""
        for batch in self.batches(split, columns):
            yield from batch.to_pylist()

    def sequences(self, split: str) -> Iterator[dict[str, Any]]:
        """The rows of a language model's split, an entry a position; see `every_position`."""
        lists = ["input_ids", "completion_mask", "token_ids", "top_values"]
        some = ["positions"] if "positions" in self.columns else []
        for row in self.rows(split, ["id", *lists, *some]):
            yield every_position(row)

    def conversations(self, split: str) -> Iterator[dict[str, Any]]:
        """`id` and `messages`, the last the answer: as stored, else from prompt and learned tokens."""
        if "messages" in self.columns:
            yield from self.rows(split, ["id", "messages"])
            return
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(
            self.folder / "model", local_files_only=True, trust_remote_code=False
        )
        asked = [name for name in ASKED if name in self.columns]
        for row in self.rows(split, ["id", "input_ids", "completion_mask", *asked]):
            answer = tokenizer.decode(last_learned(row), skip_special_tokens=True).strip()
            turns = [*prompt_turns([row[name] for name in asked]), {"role": "assistant", "content": answer}]
            yield {"id": row["id"], "messages": turns}

    def shards(self, split: str) -> list[Path]:
        """The Parquet files of a split."""
        return sorted((self.folder / "distill" / CONFIG).glob(f"{split}-*.parquet"))


ASKED = ("prompt", "instruction", "input")
"""Columns that hold what is asked, in their order."""


def prompt_turns(asked: list[Any]) -> list[dict[str, str]]:
    """What is asked as turns: turns as they are, texts as one turn of the user."""
    if asked and not isinstance(asked[0], str):
        return [dict(turn) for turn in asked[0]]
    return [{"role": "user", "content": "\n\n".join(text for text in asked if text)}]


def last_learned(row: dict[str, Any]) -> list[int]:
    """Token ids of the last run of learned tokens: the answer."""
    mask = row["completion_mask"]
    end = len(mask) - mask[::-1].index(1)
    start = end
    while start > 0 and mask[start - 1]:
        start -= 1
    ids: list[int] = row["input_ids"][start:end]
    return ids


def every_position(row: dict[str, Any]) -> dict[str, Any]:
    """The row with an entry for each of its tokens, and `stored`, 1 where the entry is the teacher's.

    Where only answered positions are stored, the others get a proper distribution, even over some tokens:
    readers mask them, but a masked NaN is still NaN.
    """
    length = len(row["input_ids"])
    positions = row.get("positions", range(length))
    k = len(row["token_ids"][0])
    ids, values, stored = [list(range(k))] * length, [[-math.log(k + 1)] * k] * length, [0] * length
    for at, place in enumerate(positions):
        ids[place], values[place], stored[place] = row["token_ids"][at], row["top_values"][at], 1
    return {**row, "token_ids": ids, "top_values": values, "stored": stored}


def open_source(folder: Path) -> Source:
    """Open the package in `folder`.

    Raises:
        UserError: it is no package, or has no soft targets.
    """
    import pyarrow.parquet as pq

    if not (folder / "metadata.json").is_file():
        raise UserError(f"{folder}: no teacher package (it has no metadata.json); give the folder of one")
    metadata = read_json(folder / "metadata.json")
    shards = sorted((folder / "distill" / CONFIG).glob("*.parquet"))
    if not shards:
        raise UserError(f"{folder / 'distill'}: holds no soft targets; declare package.soft_targets")
    columns = frozenset(pq.read_schema(shards[0]).names)
    return Source(folder, metadata["name"], columns, metadata["soft_targets"]["rows"])
