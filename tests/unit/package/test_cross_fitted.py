"""A package whose train rows carry out-of-fold targets beside the teacher's own."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from scipy.special import softmax
from scipy.stats import entropy

from teacherspec.errors import DataError
from teacherspec.package.classification.soft_targets import OUT_OF_FOLD
from teacherspec.package.stage_outputs import Stages
from teacherspec.package.verification.checksums import write_sums
from teacherspec.package.verification.verify import verify
from teacherspec.predictions.classification import load_predictions
from teacherspec.runtime.atomic_io import read_json, write_parquet
from tests.toys.packaged_teacher import PackagedTeacher, package


class Crossed(NamedTuple):
    place: Path
    stages: Stages
    logits: np.ndarray


@pytest.fixture(scope="module")
def crossed(packaged_teacher: PackagedTeacher, tmp_path_factory: pytest.TempPathFactory) -> Crossed:
    """The toy build with logits of three imagined models for its train rows."""
    place = tmp_path_factory.mktemp("crossed")
    for name in ("artifacts", "reports"):
        shutil.copytree(packaged_teacher.folder.parent / name, place / name)
    stages = Stages(place / "artifacts", place / "reports")
    predicted = load_predictions(stages.evaluated, "train")
    draw = np.random.default_rng(0)
    logits = (predicted.logits + draw.normal(size=predicted.logits.shape)).astype(np.float32)
    folds = draw.integers(3, size=len(logits)).astype(np.int8)
    columns = {
        "id": list(predicted.ids),
        "fold": pa.array(folds),
        "logits": pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), 3),
    }
    write_parquet(stages.finetuned / OUT_OF_FOLD, pa.table(columns))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        package(stages, place)
    return Crossed(place, stages, logits)


def test_train_rows_carry_both_and_others_only_the_teachers(crossed: Crossed, tmp_path: Path) -> None:
    teacher = crossed.place / "teacher"
    opened = load_dataset(str(teacher / "distill"), "soft", cache_dir=str(tmp_path))
    own = load_predictions(crossed.stages.evaluated, "train").logits
    np.testing.assert_array_equal(np.asarray(opened["train"]["logits"][:], np.float32), own)
    np.testing.assert_array_equal(
        np.asarray(opened["train"]["out_of_fold_logits"][:], np.float32), crossed.logits
    )
    assert set(opened["train"]["fold"]) == {0, 1, 2}
    for name in set(opened) - {"train"}:
        assert set(opened[name]["fold"]) == {-1}
        assert set(map(str, opened[name]["out_of_fold_logits"])) == {"None"}
    assert not [check for check in verify(teacher) if check.problems]


def test_metadata_counts_what_the_targets_say(crossed: Crossed, packaged_teacher: PackagedTeacher) -> None:
    stated = read_json(crossed.place / "teacher/metadata.json")["soft_targets"]
    labels = load_predictions(crossed.stages.evaluated, "train").labels
    probs = softmax(crossed.logits.astype(np.float64), axis=1)
    assert stated["out_of_fold"] == {
        "folds": 3,
        "entropy": pytest.approx(entropy(probs, axis=1).mean(), abs=1e-6),
        "nll": pytest.approx(-np.log(probs[np.arange(len(labels)), labels]).mean(), abs=1e-6),
        "accuracy": pytest.approx((probs.argmax(1) == labels).mean(), abs=1e-6),
    }
    validation = softmax(
        load_predictions(packaged_teacher.stages.evaluated, "validation").logits.astype(float), axis=1
    )
    assert stated["entropy"]["validation"] == pytest.approx(entropy(validation, axis=1).mean(), abs=1e-6)
    assert "3 models that had not seen them" in (crossed.place / "teacher/README.md").read_text()
    assert read_json(packaged_teacher.folder / "metadata.json")["soft_targets"]["out_of_fold"] is None


def test_targets_of_the_teacher_cannot_pass_for_out_of_fold(crossed: Crossed, tmp_path: Path) -> None:
    teacher = Path(shutil.copytree(crossed.place / "teacher", tmp_path / "teacher"))
    path = teacher / "distill/soft/train-00000-of-00001.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("out_of_fold_logits")
    pq.write_table(table.set_column(place, table.schema.field(place), table["logits"]), path)
    write_sums(teacher)
    assert {check.name for check in verify(teacher) if check.problems} >= {"numbers"}


def test_out_of_fold_targets_of_other_rows_are_refused(
    crossed: Crossed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(crossed.place, tmp_path / "build")
    monkeypatch.chdir(tmp_path)
    stages = Stages(tmp_path / "build/artifacts", tmp_path / "build/reports")
    table = pq.read_table(stages.finetuned / OUT_OF_FOLD)
    write_parquet(stages.finetuned / OUT_OF_FOLD, table.take(np.roll(np.arange(table.num_rows), 1)))
    with pytest.raises(DataError, match="holds other rows than"):
        package(stages, tmp_path / "again")
    write_parquet(stages.finetuned / OUT_OF_FOLD, table.slice(1))
    with pytest.raises(DataError, match="holds other rows than"):
        package(stages, tmp_path / "again")
