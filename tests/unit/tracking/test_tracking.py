"""Training curves in other programs: copies of numbers, from which no artifact depends."""

import csv
import json
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from teacherspec.errors import UserError
from teacherspec.splits import Prepared
from teacherspec.tracking import callback, destinations
from teacherspec.tracking.callback import run_name, unchanged_random_state
from teacherspec.tracking.destinations import DESTINATIONS, TRACKING, Run, chosen_destinations
from tests.toys.text import toy_base, toy_prepared
from tests.unit.finetune.test_train import digest, run, run_killed

VALUES = {"epochs": 2, "evaluations_per_epoch": 2}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return toy_prepared(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(autouse=True)
def _working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "DVC_STUDIO_TOKEN", TRACKING):
        monkeypatch.delenv(name, raising=False)


def table(path: Path) -> dict[int, float]:
    """Step → value of a file of DVCLive or of the log of an artifact."""
    with path.open() as stream:
        return {int(row["step"]): float(row[path.stem]) for row in csv.DictReader(stream, delimiter="\t")}


def logged(path: Path, column: str) -> dict[int, float]:
    with path.open() as stream:
        return {int(row["step"]): float(row[column]) for row in csv.DictReader(stream, delimiter="\t")}


def test_artifacts_are_the_same_bytes_and_the_curves_are_theirs(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run(base, prepared, "plain", **VALUES)
    assert not Path("dvclive").exists()
    monkeypatch.setenv(TRACKING, "dvclive")
    shown = run(base, prepared, "shown", **VALUES)
    assert digest(shown) == digest(plain)
    curves = Path("dvclive/teacher/plots/metrics")
    assert table(curves / "train/loss.tsv") == pytest.approx(logged(plain / "log/steps.tsv", "loss"))
    metric = next(path for path in (curves / "validation").iterdir() if path.stem == "nll")
    assert table(metric) == pytest.approx(logged(plain / "log/evaluations.tsv", "nll"))
    params = Path("dvclive/teacher/params.yaml").read_text()
    assert "finetune.epochs: 2" in params
    assert "task.kind: text_classification" in params


def test_a_resumed_training_goes_on_in_the_same_files(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRACKING, "dvclive")
    run_killed(base, prepared, "killed", 4, **VALUES)
    output = run(base, prepared, "killed", **VALUES)
    found = table(Path("dvclive/teacher/plots/metrics/train/loss.tsv"))
    assert found == pytest.approx(logged(output / "log/steps.tsv", "loss"))


class Failing:
    """A server that stops answering, from a library that draws random numbers."""

    LIBRARY = "json"
    REQUIREMENT = "json"
    opened: ClassVar[list[Run]] = []

    def __init__(self, run: Run) -> None:
        self.opened.append(run)
        random.random()  # noqa: S311

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        np.random.random()  # noqa: NPY002
        torch.rand(1)
        raise ConnectionError("nobody\nthere")

    def end(self) -> None:
        raise AssertionError("not after a failure")


def test_a_destination_that_fails_is_left_out_and_changes_nothing(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {**VALUES, "dropout": 0.1}
    plain = run(base, prepared, "plain", **values)
    monkeypatch.setattr(callback, "DESTINATIONS", {"failing": Failing})
    monkeypatch.setattr(destinations, "DESTINATIONS", {"failing": Failing})
    monkeypatch.setenv(TRACKING, "failing")
    assert digest(run(base, prepared, "failing", **values)) == digest(plain)
    error = capsys.readouterr().err
    assert error.count("tracking: failing failed (ConnectionError: nobody there); training goes on") == 1
    (opened,) = Failing.opened
    assert opened.params["finetune.dropout"] == 0.1


def test_the_guard_of_random_numbers_can_fail() -> None:
    """Negative control: without it, a library that draws would change what a training draws."""
    before = torch.get_rng_state()
    torch.rand(1)
    assert not torch.equal(before, torch.get_rng_state())
    before = torch.get_rng_state()
    with unchanged_random_state():
        torch.rand(1)
    assert torch.equal(before, torch.get_rng_state())


def test_an_unknown_destination_and_a_missing_library_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations, "find_spec", lambda name: None)
    monkeypatch.setenv(TRACKING, "tensorboard, wandb,mlflow")
    with pytest.raises(UserError) as caught:
        chosen_destinations()
    unknown, wandb, mlflow = caught.value.problems
    assert "given tensorboard; allowed dvclive, mlflow, wandb" in unknown
    assert "pip install 'wandb>=0.20,<1'" in wandb
    assert "pip install 'mlflow-skinny>=3,<4'" in mlflow


def test_none_is_chosen_without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen_destinations() == []
    monkeypatch.setenv(TRACKING, " dvclive ,dvclive")
    assert chosen_destinations() == ["dvclive"]


@pytest.mark.parametrize(
    ("scratch", "name"),
    [
        (".scratch/finetune/0a1b", "teacher"),
        (".scratch/finetune/0a1b-folds/training-3", "folds-training-3"),
        (".scratch/finetune/0a1b-seeds/training-1", "seeds-training-1"),
    ],
)
def test_several_trainings_of_a_stage_have_names_of_their_own(scratch: str, name: str) -> None:
    assert run_name(Path(scratch)) == name


def test_mlflow_gets_the_same_numbers(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Skipped without MLflow: `pip install --target DIR mlflow-skinny`, then PYTHONPATH=DIR runs it."""
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv(TRACKING, "mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", Path("store").absolute().as_uri())
    output = run(base, prepared, "shown", **VALUES)
    client: Any = mlflow.MlflowClient(tracking_uri=Path("store").absolute().as_uri())
    experiment = client.get_experiment_by_name("teacherspec")
    (found,) = client.search_runs([experiment.experiment_id])
    points = {point.step: point.value for point in client.get_metric_history(found.info.run_id, "train/loss")}
    assert points == pytest.approx(logged(output / "log/steps.tsv", "loss"))
    assert found.data.params["finetune.epochs"] == json.dumps(VALUES["epochs"])
    assert found.info.status == "FINISHED"


def test_no_library_is_imported_before_a_training() -> None:
    assert not {"mlflow", "wandb"} & sys.modules.keys()
    assert set(DESTINATIONS) == {"dvclive", "mlflow", "wandb"}
