"""Which predictions a folder holds, for every type of output."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from teacherspec.errors import DataError
from teacherspec.runtime.atomic_io import read_json, write_json

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class PredictionIndex:
    """The splits of a folder of predictions.

    Attributes:
        label_names: class names, in the order of the logits' columns.
        roles: split name → role (`train`, `validation`, `calibration`, `test`, `shifted`, `ood`,
            `transfer`).
        rows: split name → number of rows.
        output_type: what the predictions hold, see `teacherspec.tasks.shared.interfaces.kind.OutputType`.
    """

    label_names: tuple[str, ...]
    roles: Mapping[str, str]
    rows: Mapping[str, int]
    output_type: str = "classification"

    def splits(self, role: str) -> tuple[str, ...]:
        """Names of the splits with this role, sorted."""
        return tuple(sorted(name for name, given in self.roles.items() if given == role))


def read_split(folder: Path, split: str) -> "pa.Table":
    """The table of the predictions of `split` in `folder` (`artifacts/evaluate`), each column in one piece.

    Raises:
        DataError: there is no such split.
    """
    import pyarrow.parquet as pq

    path = folder / "predictions" / f"{split}.parquet"
    if not path.exists():
        raise DataError(f"{path}: no predictions of split `{split}`; run the stage `evaluate` first")
    return pq.read_table(path).combine_chunks()


def save_index(folder: Path, index: PredictionIndex) -> None:
    """Write `predictions.json`, the last file of the folder: its presence means the rest is complete."""
    splits = {name: {"role": index.roles[name], "rows": index.rows[name]} for name in sorted(index.roles)}
    content = {"output_type": index.output_type, "label_names": list(index.label_names), "splits": splits}
    write_json(folder / "predictions.json", content)


def load_index(folder: Path) -> PredictionIndex:
    """Read the index of `folder`.

    Raises:
        DataError: the folder holds no predictions.
    """
    path = folder / "predictions.json"
    if not path.exists():
        raise DataError(f"{path}: not found; run the stage `evaluate` first")
    content = read_json(path)
    splits = content["splits"]
    return PredictionIndex(
        label_names=tuple(content["label_names"]),
        roles={name: split["role"] for name, split in splits.items()},
        rows={name: split["rows"] for name, split in splits.items()},
        output_type=content["output_type"],
    )
