"""The prepared splits on disk: the output of `prepare`, and how later stages open it.

`prepared.json` names the task, the label names and the splits; each split is `<name>.parquet` with the
columns `id`, those of the task (`label` is int32, -1 where a row has none) and the kept columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from teacherspec.errors import DataError
from teacherspec.runtime.atomic_io import read_json, replacing, write_json

if TYPE_CHECKING:
    from datasets import Dataset

Role = Literal["train", "validation", "calibration", "test", "shifted", "ood", "transfer"]
ROLES: tuple[Role, ...] = get_args(Role)
UNLABELLED: tuple[Role, ...] = ("ood", "transfer")
"""Roles of rows without a label, or with answers that nobody vouches for: no quality is measured of them."""

INDEX_NAME = "prepared.json"
SCRATCH = Path(".scratch")

REQUIRED_SPLITS = ("train", "validation", "calibration", "test")

CALIBRATION_ROWS = 20
"""Rows below which the stage `calibrate` fits nothing."""

RESERVED_NAMES = (
    "base", "candidate_set_size", "gain", "loss_ratio", "loss_ratio_out_of_fold", "out_of_fold", "robustness",
    "seeds",
)  # fmt: skip
"""Keys of `reports/evaluate/metrics.json` that are not names of splits."""


@dataclass(frozen=True)
class Split:
    """One split on disk.

    Attributes:
        name: `train`, `validation`, `calibration`, `test` or the declared name of a further set.
        role: what the split is for; the four fixed names are their own roles.
        rows: number of rows.
        sha256: of the Parquet file, hex.
        path: the Parquet file.
    """

    name: str
    role: Role
    rows: int
    sha256: str
    path: Path


@dataclass(frozen=True)
class Prepared:
    """The output of `prepare`.

    Attributes:
        task: kind of the task the rows were prepared for.
        label_names: class names in the order of the label index; empty for tasks without classes.
        splits: by name, sorted.
        label_details: columns that say more of a row's label than its class; null where it has none.
    """

    task: str
    label_names: tuple[str, ...]
    splits: Mapping[str, Split]
    label_details: tuple[str, ...] = ()

    def of_role(self, *roles: Role) -> tuple[Split, ...]:
        """The splits with one of these roles, sorted by name."""
        return tuple(split for split in self.splits.values() if split.role in roles)


def save_index(folder: Path, prepared: Prepared) -> None:
    """Write `prepared.json` into `folder`, next to the Parquet files it lists."""
    splits = {
        split.name: {"role": split.role, "rows": split.rows, "sha256": split.sha256}
        for split in prepared.splits.values()
    }
    index = {"task": prepared.task, "label_names": list(prepared.label_names), "splits": splits}
    if prepared.label_details:
        index["label_details"] = list(prepared.label_details)
    write_json(folder / INDEX_NAME, index)


def load_prepared(folder: Path) -> Prepared:
    """Read the output of `prepare` in `folder` (`artifacts/prepare`).

    Raises:
        DataError: `folder` contains no prepared data, or a split it lists is missing.
    """
    if not (folder / INDEX_NAME).is_file():
        raise DataError(f"{folder / INDEX_NAME}: not found; run the stage `prepare` first")
    index: dict[str, Any] = read_json(folder / INDEX_NAME)
    splits = {
        name: Split(name, entry["role"], entry["rows"], entry["sha256"], folder / f"{name}.parquet")
        for name, entry in sorted(index["splits"].items())
    }
    missing = [
        f"{split.path}: not found; run the stage `prepare` again"
        for split in splits.values()
        if not split.path.is_file()
    ]
    if missing:
        raise DataError(missing)
    details = tuple(index.get("label_details", ()))
    return Prepared(index["task"], tuple(index["label_names"]), splits, details)


def check_splits(prepared: Prepared) -> None:
    """Every split that the numbers need exists, with enough rows for its use and a name of its own.

    Raises:
        DataError: names every split that is missing, has fewer than two rows or, to calibrate on, than
            `CALIBRATION_ROWS`, or has the name of a metric.
    """
    missing = [name for name in REQUIRED_SPLITS if name not in prepared.splits]
    small = [split for split in prepared.splits.values() if split.rows < 2]
    few = [
        split
        for split in prepared.splits.values()
        if split.role == "calibration" and 2 <= split.rows < CALIBRATION_ROWS
    ]
    reserved = [name for name in RESERVED_NAMES if name in prepared.splits]
    problems = [f"prepare: there is no {name} split to evaluate on; declare one" for name in missing]
    problems += [
        f"prepare: split {split.name} has {split.rows} rows, too few for any interval; give it more"
        for split in small
    ]
    problems += [
        f"prepare: split {split.name} has {split.rows} rows; calibration needs at least {CALIBRATION_ROWS}, "
        "add rows"
        for split in few
    ]
    problems += [
        f"prepare: a split cannot be called {name}, which is the name of a metric; rename it"
        for name in reserved
    ]
    if problems:
        raise DataError(problems)


def places_file(root: Path, sha256: str) -> Path:
    """Where the file and line of each row of a split are, on the machine where `prepare` ran.

    They are in no stage's outs: the same rows in another order would have other places, and change nothing
    else.
    """
    return root / SCRATCH / "places" / f"{sha256}.parquet"


def load_places(split: Split, root: Path = Path()) -> Sequence[str] | None:
    """`file:line` of each row of a split, in its order; None where `prepare` did not run here."""
    import pyarrow.parquet as pq

    path = places_file(root, split.sha256)
    if not path.is_file():
        return None
    places: list[str] = pq.read_table(path)["place"].to_pylist()
    return places


def open_split(split: Split, cache: Path = SCRATCH) -> "Dataset":
    """The rows of a split as a memory-mapped `datasets.Dataset`, in the order of the file.

    Parquet cannot be memory-mapped; the rows are converted once to `<cache>/splits/<sha256>.arrow` and mapped
    from there, so memory stays small however large the split. The file is named by its content: never stale.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Dataset

    arrow_file = cache / "splits" / f"{split.sha256}.arrow"
    if not arrow_file.is_file():
        with replacing(arrow_file) as partial, pq.ParquetFile(split.path) as file:
            schema = file.schema_arrow
            with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
                for group in range(file.num_row_groups):  # `prepare` bounds their size
                    writer.write_table(file.read_row_group(group))
    return Dataset.from_file(str(arrow_file))
