"""The soft targets of a package, opened for those who write them in another form."""

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

    def shards(self, split: str) -> list[Path]:
        """The Parquet files of a split."""
        return sorted((self.folder / "distill" / CONFIG).glob(f"{split}-*.parquet"))


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
