from pathlib import Path

import pyarrow as pa
import pytest

from teacherspec.errors import DataError
from teacherspec.runtime.atomic_io import sha256_file, write_parquet
from teacherspec.splits import Prepared, Split, load_prepared, open_split, save_index


def prepared_folder(folder: Path) -> Prepared:
    table = pa.table({"id": ["a", "b"], "text": ["one", "two"], "label": pa.array([0, 1], pa.int32())})
    path = folder / "train.parquet"
    write_parquet(path, table)
    split = Split("train", "train", 2, sha256_file(path), path)
    prepared = Prepared("text_classification", ("no", "yes"), {"train": split})
    save_index(folder, prepared)
    return prepared


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    prepared = prepared_folder(tmp_path)
    assert load_prepared(tmp_path) == prepared
    assert prepared.of_role("train") == (prepared.splits["train"],)
    assert prepared.of_role("shifted", "ood") == ()


def test_a_split_opens_memory_mapped_and_in_order(tmp_path: Path) -> None:
    prepared = prepared_folder(tmp_path / "prepared")
    for _ in range(2):
        rows = open_split(prepared.splits["train"], tmp_path / "scratch")
        assert rows["text"][:] == ["one", "two"]
        assert rows.features["label"].dtype == "int32"
        assert rows.cache_files
    assert len(list((tmp_path / "scratch").rglob("*"))) == 2


def test_a_changed_split_is_never_read_from_an_old_copy(tmp_path: Path) -> None:
    before = prepared_folder(tmp_path / "prepared").splits["train"]
    open_split(before, tmp_path / "scratch")
    write_parquet(before.path, pa.table({"id": ["c"], "text": ["three"], "label": pa.array([0], pa.int32())}))
    after = Split("train", "train", 1, sha256_file(before.path), before.path)
    assert open_split(after, tmp_path / "scratch")["text"][:] == ["three"]


def test_missing_data_names_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run the stage `prepare` first"):
        load_prepared(tmp_path)
    prepared_folder(tmp_path).splits["train"].path.unlink()
    with pytest.raises(DataError, match=r"train\.parquet: not found"):
        load_prepared(tmp_path)
