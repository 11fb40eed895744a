"""Several seeds: separate sources of chance, the declared teacher, and no training twice after a kill."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from teacherspec.finetune import seeds as seeds_module
from teacherspec.finetune.inputs import Training, load_inputs
from teacherspec.finetune.micro_batches import MicroBatches
from teacherspec.finetune.train import build_trainer, finetune
from teacherspec.runtime.machine import BatchLayout
from teacherspec.spec.finetune import CHANCES
from teacherspec.splits import Prepared
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.unit.finetune.test_cross_fit import run
from tests.unit.finetune.test_train import TASK, declare, digest

ALIGNED = {"seeds_vary": ["data_order", "dropout"], "dropout": 0.1}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def facts(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "training.json").read_text())
    return found


def drawn(base: Path, prepared: Prepared, number: int, vary: tuple[str, ...]) -> dict[str, Any]:
    """What a training draws: its new head, the order of an epoch, and which places dropout hits."""
    section = declare(seeds=2, seeds_vary=vary, dropout=0.5)
    one = Training(TASK, section, base, prepared, ModelInit(0.5), number=number)
    inputs = load_inputs(one)
    head = inputs.model.classifier.weight.detach().clone()
    trainer = build_trainer(one, inputs, Path("run"))
    return {
        "initial_weights": head.tolist(),
        "data_order": list(trainer.micro_batches),
        "dropout": torch.nn.functional.dropout(torch.ones(64)).tolist(),
    }


@pytest.mark.parametrize("vary", [("initial_weights",), ("data_order",), ("dropout",), CHANCES])
def test_a_seed_changes_what_is_declared_and_nothing_else(
    base: Path, prepared: Prepared, vary: tuple[str, ...]
) -> None:
    first, second = (drawn(base, prepared, number, vary) for number in (0, 1))
    assert {name for name in CHANCES if first[name] != second[name]} == set(vary)


def test_no_epoch_of_one_seed_has_the_order_of_an_epoch_of_another() -> None:
    orders = []
    for seed in range(3):
        batches = MicroBatches(50, None, 5, BatchLayout(5, 1), seed=seed, rank=0, processes=1)
        for epoch in range(4):
            batches.set_epoch(epoch)
            orders.append(str(list(batches)))
    assert len(set(orders)) == len(orders)


@pytest.mark.slow
def test_every_seed_is_trained_as_it_would_be_alone(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = run(prepared, base, "several", monkeypatch, cross_fit=False, seeds=3, seed=4)
    stated = facts(several)["seeds"]
    assert [one["seed"] for one in stated] == [4, 5, 6]
    assert [one["model"] for one in stated] == ["model", "seeds/1/model", "seeds/2/model"]
    for one in stated:
        alone = Path(f"alone-{one['seed']}")
        section = declare(seed=one["seed"])
        finetune(Training(TASK, section, base, prepared, ModelInit()), Path("run"), alone)
        assert digest(several / one["model"]) == digest(alone / "model")
        assert one["validation"] == facts(alone)["validation"]
    assert digest(several / "log") == digest(Path("alone-4/log"))


def test_the_best_seed_is_that_of_the_selection_metric(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    for metric, best in (("nll", min), ("accuracy", max)):
        output = run(
            prepared, base, metric, monkeypatch,
            cross_fit=False, seeds=3, epochs=1, teacher="best_seed", selection_metric=metric,
        )  # fmt: skip
        stated = facts(output)
        values = [one["validation"][metric] for one in stated["seeds"]]
        assert stated["validation"][metric] == best(values)
        assert stated["seeds"][values.index(best(values))]["model"] == "model"
        assert len(list(output.glob("seeds/*/model"))) == 2, "the teacher is stored once"


def test_the_mean_of_seeds_is_the_mean_of_their_parameters(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = run(
        prepared, base, "out", monkeypatch,
        cross_fit=False, seeds=3, epochs=1, teacher="mean_of_seeds", weight_interpolation=0.7, **ALIGNED,
    )  # fmt: skip
    stated = facts(output)
    models = [weights(output / one["model"]) for one in stated["seeds"]]
    for name, found in weights(output / "model").items():
        torch.testing.assert_close(found, torch.stack([model[name] for model in models]).mean(0))
    assert "validation_before_interpolation" not in stated
    assert stated["validation_of_models"] == [one["validation"] for one in stated["seeds"]]
    worst = max(one["nll"] for one in stated["validation_of_models"])
    assert stated["validation"]["nll"] < worst, "measured on the mean, which models that began alike allow"


@pytest.mark.parametrize("teacher", [pytest.param("best_seed", marks=pytest.mark.slow), "mean_of_seeds"])
def test_a_kill_between_and_within_trainings_changes_nothing(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch, teacher: str
) -> None:
    values = {"cross_fit": False, "seeds": 2, "epochs": 1, "teacher": teacher, **ALIGNED}
    uninterrupted = digest(run(prepared, base, "uninterrupted", monkeypatch, **values))
    trained: list[str] = []
    original, write = seeds_module.finetune, seeds_module.write_json

    def counting(*given: Any) -> None:
        trained.append(given[2].name)
        if trained == ["seed-0", "seed-1"]:
            raise KeyboardInterrupt
        original(*given)

    def killed(*given: Any) -> None:
        monkeypatch.setattr(seeds_module, "write_json", write)
        raise KeyboardInterrupt

    monkeypatch.setattr(seeds_module, "finetune", counting)
    monkeypatch.setattr(seeds_module, "write_json", killed)
    for _ in range(2):  # at the second training, and while the teacher is written
        with pytest.raises(KeyboardInterrupt):
            run(prepared, base, "killed", monkeypatch, **values)
        assert not Path("killed").exists()
    assert digest(run(prepared, base, "killed", monkeypatch, **values)) == uninterrupted
    assert trained == ["seed-0", "seed-1", "seed-1"]
    assert not [path for path in Path(".scratch/finetune").iterdir() if path.is_dir()], "nothing is left"


def test_without_seeds_the_teacher_is_the_same_bytes(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first seed of several is the training that one seed declares; only the summary differs."""
    one = digest(run(prepared, base, "one", monkeypatch, cross_fit=False, epochs=1))
    two = digest(run(prepared, base, "two", monkeypatch, cross_fit=False, epochs=1, seeds=2))
    assert {name for name in one if one[name] != two[name]} == {"training.json"}
