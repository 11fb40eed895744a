"""The soft targets of a package, opened for the exporters."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import UserError
from teacherspec.package.resumable_shards import CONFIG, read_shards
from teacherspec.package.verification.package_reader import require_package
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.package import SPLIT_NAME
from teacherspec.tasks import parse_task
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.tasks.shared.hf_loading import SAFE

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

    def model_type(self) -> str:
        """Which architecture of transformers the model is of."""
        return str(read_json(self.folder / "model/config.json")["model_type"])

    def batches(self, split: str, columns: list[str]) -> "Iterator[pa.RecordBatch]":
        """The rows of a split in bounded memory."""
        return read_shards(self.folder / "distill", split, columns)

    def rows(self, split: str, columns: list[str]) -> Iterator[dict[str, Any]]:
        """The rows of a split, one by one."""
        for batch in self.batches(split, columns):
            yield from batch.to_pylist()

    def sequences(self, split: str) -> Iterator[dict[str, Any]]:
        """The rows of a language model's split, an entry a position; see `every_position`."""
        names = ["id", "input_ids", "completion_mask", "positions", "token_ids", "top_values"]
        for row in self.rows(split, names):
            yield every_position(row)

    def conversations(self, split: str) -> Iterator[dict[str, Any]]:
        """`id` and `messages`: the turns of the prompt, then the supervised answer.

        Raises:
            UserError: the teacher does not generate text.
        """
        from transformers import AutoTokenizer

        declared = parse_task(json.dumps(read_json(self.folder / "provenance/spec.json")["task"]))
        task = declared.capability(GenerationTask)
        if task is None:
            raise UserError(f"{self.folder}: a teacher of {declared.hub_task} has no conversations to export")
        tokenizer = AutoTokenizer.from_pretrained(self.folder / "model", **SAFE)
        content = [field.name for field in task.row_schema().content]
        for row in self.rows(split, ["id", "input_ids", "completion_mask", *content]):
            prompt = [{"role": turn.role, "content": turn.content} for turn in task.conversation(row).prompt]
            answer = tokenizer.decode(last_supervised_run(row), skip_special_tokens=True).strip()
            yield {"id": row["id"], "messages": [*prompt, {"role": "assistant", "content": answer}]}


def last_supervised_run(row: dict[str, Any]) -> list[int]:
    """Token ids of the last run of supervised tokens: the answer."""
    mask = row["completion_mask"]
    end = len(mask) - mask[::-1].index(1)
    start = end
    while start > 0 and mask[start - 1]:
        start -= 1
    ids: list[int] = row["input_ids"][start:end]
    return ids


def every_position(row: dict[str, Any]) -> dict[str, Any]:
    """The row with an entry for each of its tokens, and `stored`, 1 where the entry is the teacher's.

    Only answered positions are stored; the others get a proper distribution, even over some tokens: readers
    mask them, but a masked NaN is still NaN.
    """
    length = len(row["input_ids"])
    k = len(row["token_ids"][0])
    ids, values, stored = [list(range(k))] * length, [[-math.log(k + 1)] * k] * length, [0] * length
    for at, place in enumerate(row["positions"]):
        ids[place], values[place], stored[place] = row["token_ids"][at], row["top_values"][at], 1
    return {**row, "token_ids": ids, "top_values": values, "stored": stored}


def open_source(folder: Path) -> Source:
    """Open the package in `folder`.

    Raises:
        UserError: it is no package, or has no soft targets, or splits whose names are none.
    """
    import pyarrow.parquet as pq

    require_package(folder)
    shards = sorted((folder / "distill" / CONFIG).glob("*.parquet"))
    if not shards:
        raise UserError(f"{folder / 'distill'}: holds no soft targets; declare package.soft_targets")
    metadata = read_json(folder / "metadata.json")
    rows = metadata["soft_targets"]["rows"]
    # Names of splits become names of files.
    if unusual := [name for name in rows if not SPLIT_NAME.fullmatch(name)]:
        raise UserError(f"{folder}: metadata.json: {unusual[0]!r} is no name of a split")
    columns = frozenset(pq.read_schema(shards[0]).names)
    return Source(folder, metadata["name"], columns, rows)
