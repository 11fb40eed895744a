"""Soft targets of rows without a label: packed undeclared, measured nowhere, checked like all others."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from safetensors.numpy import load_file

from teacherspec.export.registry import export
from teacherspec.package.verification.checksums import write_sums
from teacherspec.package.verification.verify import verify
from teacherspec.predictions.classification import load_predictions
from teacherspec.runtime.atomic_io import read_json
from tests.toys.packaged_teacher import PACKAGE, PackagedTeacher

SHARD = "distill/soft/transfer-00000-of-00001.parquet"


def test_they_are_packed_by_id_with_the_logits_of_evaluate(
    packaged_teacher: PackagedTeacher, tmp_path: Path
) -> None:
    teacher = packaged_teacher.folder
    assert "transfer" not in PACKAGE["soft_targets"]
    rows = load_dataset(str(teacher / "distill"), "soft", split="transfer", cache_dir=str(tmp_path))
    predicted = load_predictions(packaged_teacher.stages.evaluated, "transfer")
    assert rows["id"][:] == list(predicted.ids)
    np.testing.assert_array_equal(np.asarray(rows["logits"][:], np.float32), predicted.logits)
    assert set(rows["label"]) == {-1}
    assert set(rows["in_teacher_train"]) == {False}
    metadata = read_json(teacher / "metadata.json")
    assert metadata["splits"]["transfer"]["role"] == "transfer"
    assert metadata["soft_targets"]["rows"]["transfer"] == len(rows) == 64
    card = (teacher / "README.md").read_text()
    assert "| transfer | transfer | 64 |" in card
    assert "64 soft targets (`transfer`) are of rows without a label" in card


def test_no_number_that_needs_a_label_is_reported_of_them(packaged_teacher: PackagedTeacher) -> None:
    reports = packaged_teacher.stages.reports
    assert read_json(reports / "evaluate/metrics.json")["transfer"] == {"rows": 64}
    assert "transfer" not in read_json(reports / "calibrate/metrics.json")
    results = (packaged_teacher.folder / "README.md").read_text().split("## Results")[1].split("###")[0]
    assert "transfer" not in results


@pytest.mark.parametrize(("column", "checks"), [("label", {"soft targets"}), ("logits", {"soft targets"})])
def test_changed_targets_are_found(
    packaged_teacher: PackagedTeacher, tmp_path: Path, column: str, checks: set[str]
) -> None:
    teacher = Path(shutil.copytree(packaged_teacher.folder, tmp_path / "teacher"))
    table = pq.read_table(teacher / SHARD)
    place = table.schema.get_field_index(column)
    given = table[column].combine_chunks()
    order = np.roll(np.arange(table.num_rows), 1)
    changed = pa.array(np.zeros(table.num_rows), given.type) if column == "label" else given.take(order)
    pq.write_table(table.set_column(place, table.schema.field(place), changed), teacher / SHARD)
    write_sums(teacher)
    assert {check.name for check in verify(teacher) if check.problems} >= checks


def test_a_package_without_them_is_found(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    teacher = Path(shutil.copytree(packaged_teacher.folder, tmp_path / "teacher"))
    (teacher / SHARD).unlink()
    write_sums(teacher)
    assert {check.name for check in verify(teacher) if check.problems} == {"metadata"}


def test_they_are_exported(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    export(packaged_teacher.folder, tmp_path / "out", "safetensors-logits", ("transfer",))
    tensors = load_file(tmp_path / "out/transfer.safetensors")
    predicted = load_predictions(packaged_teacher.stages.evaluated, "transfer")
    np.testing.assert_array_equal(tensors["logits"], predicted.logits)
    assert set(tensors["labels"].tolist()) == {-1}
