"""Out-of-fold logits come from models that were not trained on the fold, and are kept after a kill."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from teacherspec.errors import DataError
from teacherspec.finetune import cross_fit as cross_fit_module
from teacherspec.finetune import run as stage
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.train import finetune
from teacherspec.inference.classification import predict
from teacherspec.inference.load import load_model
from teacherspec.runtime.atomic_io import sha256_file, write_json, write_parquet
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared, Split, open_split, save_index
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.toys.text import toy_prepared
from tests.unit.finetune.test_train import TASK, declare, digest

FOLDS = 3


def folded_splits(folder: Path) -> Prepared:
    """Toy splits whose train rows have folds of unequal size, as hashes give."""
    plain = toy_prepared(folder)
    train = plain.splits["train"]
    table = pq.read_table(train.path)
    folds = np.random.default_rng(1).integers(FOLDS, size=table.num_rows).astype(np.int8)
    write_parquet(train.path, table.append_column("fold", pa.array(folds)))
    folded = Split("train", "train", train.rows, sha256_file(train.path), train.path)
    prepared = Prepared(plain.task, plain.label_names, {**plain.splits, "train": folded})
    save_index(folder, prepared)
    return prepared


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return folded_splits(tmp_path_factory.mktemp("prepared"))


SECTION: Finetune = declare(cross_fit=True, ensemble=True)
TOGETHER = {
    f"ensemble-{name}.parquet"
    for name in ("calibration", "out_of_scope", "shifted", "transfer", "validation")
}


def test_logits_of_each_row_come_from_the_model_of_the_other_folds(base: Path, prepared: Prepared) -> None:
    training = Training(TASK, SECTION, base, prepared, ModelInit())
    out_of_fold, *together = cross_fit_module.cross_fit(training, Path("run"))
    assert {path.name for path in together} == TOGETHER
    table = pq.read_table(out_of_fold)
    transfer = pq.read_table("run/ensemble-transfer.parquet")
    train = pq.read_table(prepared.splits["train"].path)
    assert table["id"].to_pylist() == train["id"].to_pylist()
    assert table["fold"].to_pylist() == train["fold"].to_pylist()
    unlabelled = prepared.splits["transfer"]
    # Independently: drop the fold by hand, train, predict.
    for fold in range(FOLDS):
        rest = train.filter(pa.compute.not_equal(train["fold"], fold))
        write_parquet(Path("rest.parquet"), rest)
        without = Split(
            "train", "train", rest.num_rows, sha256_file(Path("rest.parquet")), Path("rest.parquet")
        )
        part = Prepared(prepared.task, prepared.label_names, {**prepared.splits, "train": without})
        finetune(replace(training, prepared=part), Path("scratch"), Path("by_hand"))
        found = predict(
            TASK, *load_model(TASK, Path("by_hand/model")), open_split(prepared.splits["train"]), 32
        )
        other = predict(TASK, *load_model(TASK, Path("by_hand/model")), open_split(unlabelled), 32)
        assert transfer["id"].to_pylist() == list(other.ids)
        member = np.array(transfer[f"fold_{fold}"].to_pylist(), np.float32)
        np.testing.assert_allclose(member, other.logits, atol=1e-5)
        own = np.asarray(train["fold"]) == fold
        stored = np.array(table["logits"].to_pylist(), np.float32)
        np.testing.assert_allclose(stored[own], found.logits[own], atol=1e-5)
        assert np.abs(stored[~own] - found.logits[~own]).max() > 0.05, (
            "logits of other folds come from other models"
        )


def run(prepared: Prepared, base: Path, output: str, monkeypatch: pytest.MonkeyPatch, **values: Any) -> Path:
    source = {"kind": "path", "folder": "base"}
    write_json(Path("manifest.json"), {"source": source, "license": "mit", "files": {}})
    monkeypatch.setattr(stage, "open_base", lambda manifest: base)
    folder = prepared.splits["train"].path.parent
    section = declare(**{"cross_fit": True, **values})
    stage.run_finetune(TASK, section, folder, Path("manifest.json"), Path(output))
    return Path(output)


@pytest.mark.slow
def test_the_teacher_does_not_change_and_folds_are_not_trained_twice(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = digest(run(prepared, base, "uninterrupted", monkeypatch, ensemble=True))
    without = digest(run(prepared, base, "without", monkeypatch, cross_fit=False))
    assert uninterrupted.keys() - without.keys() == {cross_fit_module.OUT_OF_FOLD, *TOGETHER}
    assert {name for name in without if uninterrupted[name] != without[name]} == {"training.json"}, (
        "its declaration differs"
    )

    trained: list[str] = []
    original = cross_fit_module.finetune

    def counting(*args: Any) -> None:
        trained.append(args[2].name)
        if trained == ["fold-0", "fold-1"]:
            raise KeyboardInterrupt
        original(*args)

    monkeypatch.setattr(cross_fit_module, "finetune", counting)
    with pytest.raises(KeyboardInterrupt):
        run(prepared, base, "killed", monkeypatch, ensemble=True)
    assert not Path("killed").exists()
    assert digest(run(prepared, base, "killed", monkeypatch, ensemble=True)) == uninterrupted
    assert trained == ["fold-0", "fold-1", "fold-1", "fold-2"]
    assert not list(Path(".scratch/finetune").glob("*-folds")), "nothing is left behind"


def test_train_rows_without_folds_are_refused(base: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    training = Training(TASK, SECTION, base, toy_prepared(tmp_path / "plain"), ModelInit())
    with pytest.raises(DataError, match=r"no column `fold`; declare prepare\.folds"):
        cross_fit_module.cross_fit(training, Path("run"))
