"""The mean of trained models: of folds, of equal models, and of statistics of BatchNorm."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from teacherspec.finetune import cross_fit as cross_fit_module
from teacherspec.finetune.mean_model import mean_model
from teacherspec.splits import Prepared
from tests.unit.finetune.test_cross_fit import folded_splits, run
from tests.unit.finetune.test_train import TASK, digest


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return folded_splits(tmp_path_factory.mktemp("prepared"))


def test_the_mean_of_equal_models_is_each_of_them_bit_by_bit(
    base: Path, prepared: Prepared, monkeypatch: Any
) -> None:
    output = run(prepared, base, "out", monkeypatch, cross_fit=False, epochs=1)
    mean, _ = mean_model(TASK, [output / "model"] * 3)
    for name, found in load_file(output / "model/model.safetensors").items():
        assert torch.equal(mean.state_dict()[name], found), name


@pytest.mark.slow
def test_the_mean_of_folds_is_that_of_the_models_of_cross_fitting_whatever_is_killed(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    models: list[dict[str, torch.Tensor]] = []
    killed: list[str] = []
    original = cross_fit_module.finetune

    def recorded(*given: Any) -> None:
        killed.append(given[2].name)
        if killed == ["fold-0", "fold-1"]:
            raise KeyboardInterrupt
        original(*given)
        models.append(load_file(given[2] / "model/model.safetensors"))

    crossed = run(prepared, base, "crossed", monkeypatch, epochs=1)
    monkeypatch.setattr(cross_fit_module, "finetune", recorded)
    with pytest.raises(KeyboardInterrupt):
        run(prepared, base, "out", monkeypatch, epochs=1, teacher="mean_of_folds")
    output = run(prepared, base, "out", monkeypatch, epochs=1, teacher="mean_of_folds")
    assert killed == ["fold-0", "fold-1", "fold-1", "fold-2"], "no fold is trained twice"
    for name, found in load_file(output / "model/model.safetensors").items():
        torch.testing.assert_close(found, torch.stack([model[name] for model in models]).mean(0))
    file = cross_fit_module.OUT_OF_FOLD
    assert digest(output)[file] == digest(crossed)[file], "rows are still predicted out of fold"
    stated = json.loads((output / "training.json").read_text())
    assert len(stated["validation_of_models"]) == len(models) == 3
    assert stated["validation"] not in stated["validation_of_models"]
    assert stated["train_rows"] == prepared.splits["train"].rows, "each row was in most of the trainings"
    assert not [path for path in Path(".scratch/finetune").iterdir() if path.is_dir()], "nothing is left"
