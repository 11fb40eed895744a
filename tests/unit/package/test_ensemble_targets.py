"""Soft targets of the models of cross-fitting together, with their disagreement, as a student gets them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from safetensors.numpy import load_file
from scipy.special import softmax
from scipy.stats import entropy

from teacherspec.export.registry import export
from teacherspec.package.classification.ensemble import ensemble_file
from teacherspec.package.classification.soft_targets import OUT_OF_FOLD
from teacherspec.package.run import run_package
from teacherspec.package.stage_outputs import Stages
from teacherspec.package.verification.checksums import write_sums
from teacherspec.package.verification.verify import verify
from teacherspec.predictions.classification import load_predictions
from teacherspec.runtime.atomic_io import read_json, write_parquet
from tests.toys.packaged_teacher import SPEC, TASK, PackagedTeacher, section

MODELS = 3
SPLITS = ("validation", "calibration", "out_of_scope", "transfer")


class Built(NamedTuple):
    teacher: Path
    stages: Stages
    members: dict[str, np.ndarray]


def as_column(logits: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), logits.shape[1])


@pytest.fixture(scope="module")
def built(packaged_teacher: PackagedTeacher, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The toy build with logits of three imagined models, as `finetune.ensemble` leaves them."""
    place = tmp_path_factory.mktemp("ensemble")
    for name in ("artifacts", "reports"):
        shutil.copytree(packaged_teacher.folder.parent / name, place / name)
    stages = Stages(place / "artifacts", place / "reports")
    draw = np.random.default_rng(0)
    train = load_predictions(stages.evaluated, "train")
    folds = (np.arange(len(train.ids)) % MODELS).astype(np.int8)
    columns = {"id": list(train.ids), "fold": pa.array(folds), "logits": as_column(train.logits)}
    write_parquet(stages.finetuned / OUT_OF_FOLD, pa.table(columns))
    members = {}
    for name in SPLITS:
        own = load_predictions(stages.evaluated, name)
        noise = draw.normal(size=(MODELS, *own.logits.shape))
        members[name] = (own.logits + 2 * noise).astype(np.float32)
        of_models = {f"fold_{at}": as_column(logits) for at, logits in enumerate(members[name])}
        write_parquet(ensemble_file(stages.finetuned, name), pa.table({"id": list(own.ids), **of_models}))
    declared = section()
    spec = {
        **SPEC,
        "finetune": {"cross_fit": True, "ensemble": True},
        "package": declared.model_dump(mode="json"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        run_package(declared, TASK, spec, stages, place / "teacher", place / "report")
    return Built(place / "teacher", stages, members)


def failed(teacher: Path) -> set[str]:
    return {check.name for check in verify(teacher) if check.problems}


def test_targets_are_the_mean_of_the_models_on_rows_they_have_not_seen(built: Built, tmp_path: Path) -> None:
    opened = load_dataset(str(built.teacher / "distill"), "soft", cache_dir=str(tmp_path))
    for name in SPLITS:
        probs = softmax(built.members[name].astype(np.float64), axis=2)
        rows = opened[name].with_format("numpy")
        np.testing.assert_allclose(np.exp(rows["ensemble_log_probs"][:]), probs.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(rows["aleatoric"][:], entropy(probs, axis=2).mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(
            np.asarray(rows["aleatoric"][:]) + rows["epistemic"][:],
            entropy(probs.mean(axis=0), axis=1),
            atol=1e-5,
        )
        own = load_predictions(built.stages.evaluated, name).logits
        np.testing.assert_array_equal(np.asarray(rows["logits"][:], np.float32), own)
        assert set(map(str, opened[name]["out_of_fold_logits"])) == {"None"}
    for name in ("ensemble_log_probs", "aleatoric", "epistemic"):
        assert set(map(str, opened["train"][name])) == {"None"}
    assert None not in opened["train"]["out_of_fold_logits"]
    assert failed(built.teacher) == set()


def test_metadata_and_card_state_what_the_models_give(built: Built) -> None:
    stated = read_json(built.teacher / "metadata.json")["soft_targets"]["ensemble"]
    assert set(stated) == set(SPLITS)
    mean = softmax(built.members["calibration"].astype(np.float64), axis=2).mean(axis=0)
    labels = load_predictions(built.stages.evaluated, "calibration").labels
    assert stated["calibration"]["nll"] == pytest.approx(
        -np.log(mean[np.arange(len(labels)), labels]).mean(), abs=1e-5
    )
    assert stated["calibration"]["accuracy"] == pytest.approx((mean.argmax(1) == labels).mean(), abs=1e-6)
    assert stated["transfer"]["nll"] is None
    assert (
        "`ensemble_log_probs` of `transfer`: the mean of models" in (built.teacher / "README.md").read_text()
    )


def replaced(table: pa.Table, **columns: pa.Array) -> pa.Table:
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), values)
    return table


def sharper(table: pa.Table) -> pa.Table:
    log_probs = np.stack(table["ensemble_log_probs"].to_numpy()).astype(np.float32) * 2
    return replaced(table, ensemble_log_probs=as_column(log_probs))


def further_apart(table: pa.Table) -> pa.Table:
    """As if more models than there are disagreed."""
    rows = table.num_rows
    even = as_column(np.full((rows, 3), -np.log(3), np.float32))
    nothing, all_of_it = (pa.array(np.full(rows, value, np.float32)) for value in (-1e-3, np.log(3) + 1e-3))
    return replaced(table, ensemble_log_probs=even, aleatoric=nothing, epistemic=all_of_it)


TAMPERING: dict[str, Callable[[pa.Table], pa.Table]] = {
    "the parts exchanged": lambda table: table.rename_columns(
        [{"aleatoric": "epistemic", "epistemic": "aleatoric"}.get(name, name) for name in table.column_names]
    ).select(table.column_names),
    "no distribution": sharper,
    "more disagreement than models": further_apart,
    "no columns": lambda table: table.drop_columns(["ensemble_log_probs", "aleatoric", "epistemic"]),
}


@pytest.mark.parametrize("change", TAMPERING.values(), ids=TAMPERING.keys())
def test_targets_that_no_models_give_are_found(
    built: Built, tmp_path: Path, change: Callable[[pa.Table], pa.Table]
) -> None:
    teacher = Path(shutil.copytree(built.teacher, tmp_path / "teacher"))
    path = teacher / "distill/soft/transfer-00000-of-00001.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    write_sums(teacher)
    assert failed(teacher) & {"soft targets", "numbers"}


def test_arrays_hold_them_too(built: Built, tmp_path: Path) -> None:
    export(built.teacher, tmp_path / "out", "safetensors-logits", ("train", "transfer"))
    tensors = load_file(tmp_path / "out/transfer.safetensors")
    assert tensors["ensemble_log_probs"].shape == (64, 3)
    assert tensors["aleatoric"].shape == tensors["epistemic"].shape == (64,)
    assert np.isnan(load_file(tmp_path / "out/train.safetensors")["epistemic"]).all()
