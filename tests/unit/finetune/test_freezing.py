"""Frozen weights keep every bit; the others are trained."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageClassification

from teacherspec.errors import UserError
from teacherspec.finetune.inputs import Training, load_inputs
from teacherspec.finetune.train import finetune
from teacherspec.runtime import machine
from teacherspec.spec.finetune import Finetune, Full
from teacherspec.splits import Prepared
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.toys.image import LABELS, toy_image_base, toy_image_prepared

TASK = ImageClassification(kind="image_classification")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return toy_image_prepared(tmp_path_factory.mktemp("prepared"), train=32, other=16)


@pytest.fixture(autouse=True)
def _working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(machine.WORKERS, "0")


def changed(prepared: Prepared, family: str, init: ModelInit | None = None, **values: Any) -> set[str]:
    """Names of the tensors that a short training of a model of this family changes."""
    base = toy_image_base(Path("base"), family)
    defaults = {"epochs": 1, "batch_size": 16, "learning_rate": 1e-2}
    section = Finetune.model_validate_json(json.dumps({**defaults, **values}))
    training = Training(TASK, section, base, prepared, init or ModelInit())
    full = replace(training, section=section.model_copy(update={"method": Full()}))
    before = {name: tensor.clone() for name, tensor in load_inputs(full).model.state_dict().items()}
    finetune(training, Path("run"), Path("out"))
    after = AutoModelForImageClassification.from_pretrained("out/model").state_dict()
    return {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}


@pytest.mark.parametrize("family", ["vit", "clip"])
def test_with_a_frozen_backbone_only_the_head_is_trained(prepared: Prepared, family: str) -> None:
    found = changed(prepared, family, method={"kind": "full", "freeze": "backbone"})
    assert found == {"classifier.weight", "classifier.bias"}


def test_frozen_modules_keep_their_weights(prepared: Prepared) -> None:
    found = changed(prepared, "vit", method={"kind": "full", "freeze": ["embeddings", "layers.0"]})
    assert not [name for name in found if name.startswith(("vit.embeddings", "vit.layers.0"))]
    assert [name for name in found if name.startswith("vit.layers.1")]


def test_a_module_that_is_not_there_is_refused(prepared: Prepared) -> None:
    with pytest.raises(UserError, match=r"no module layers\.7, patch; at its top are .*embeddings"):
        changed(prepared, "vit", method={"kind": "full", "freeze": ["layers.7", "patch"]})


def test_statistics_of_a_pretrained_base_are_frozen_unless_declared(prepared: Prepared) -> None:
    def of_statistics(names: set[str]) -> list[str]:
        return [name for name in names if "running_" in name]

    found = changed(prepared, "resnet")
    assert not of_statistics(found)
    assert [name for name in found if "normalization.weight" in name], "scale and shift are trained"
    assert of_statistics(changed(prepared, "resnet", batch_norm="updated"))
    assert of_statistics(changed(prepared, "resnet", ModelInit(init="config")))


@pytest.mark.parametrize("family", ["vit", "clip"])
def test_low_rank_updates_of_a_transformer_train_the_head(prepared: Prepared, family: str) -> None:
    found = changed(prepared, family, method={"kind": "lora", "rank": 2})
    assert {"classifier.weight", "classifier.bias"} < found
    assert all(name.endswith("weight") for name in found - {"classifier.bias"})
    model, _ = TASK.load(Path("out/model"))
    assert tuple(model.config.id2label.values()) == LABELS


def test_a_network_without_linear_layers_refuses_low_rank_updates(prepared: Prepared) -> None:
    with pytest.raises(UserError, match="has no linear layers to adapt; use method full"):
        changed(prepared, "resnet", method={"kind": "lora", "rank": 2})
