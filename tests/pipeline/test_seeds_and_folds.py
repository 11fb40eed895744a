"""Seeds and folds from the training to the package: the numbers are the models', and readers see them."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from teacherspec.calibrate.run import run_calibrate
from teacherspec.calibrators.temperature import fit_temperature
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.run import run_evaluate
from teacherspec.finetune.cross_fit import cross_fit
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.seeds import finetune_seeds, write_teacher
from teacherspec.inference.classification import predict
from teacherspec.inference.load import load_model
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.package.card.terminal_summary import print_summary
from teacherspec.package.run import PackageResult
from teacherspec.package.stage_outputs import Stages
from teacherspec.package.verification.verify import verify
from teacherspec.predictions.classification import OUT_OF_FOLD, load_predictions
from teacherspec.runtime.atomic_io import read_json, sha256_file, write_json, write_parquet
from teacherspec.spec.calibrate import Calibrate
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared, open_split, save_index
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.toys.packaged_teacher import SPEC, TASK, noisy_prepared, package
from tests.toys.text import toy_base

pytestmark = pytest.mark.slow

SECTION = Finetune(
    epochs=2, batch_size=16, learning_rate=5e-3, seeds=2, seed=7, teacher="best_seed", cross_fit=True
)
FOLDS = 2


def with_folds(prepared: Prepared, folder: Path) -> Prepared:
    train = prepared.splits["train"]
    table = pq.read_table(train.path)
    folds = pa.array(np.arange(table.num_rows) % FOLDS, pa.int8())
    write_parquet(train.path, table.append_column("fold", folds))
    split = replace(train, sha256=sha256_file(train.path))
    folded = replace(prepared, splits={**prepared.splits, "train": split})
    save_index(folder, folded)
    return folded


class Built(NamedTuple):
    prepared: Prepared
    stages: Stages
    result: PackageResult
    place: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    place = tmp_path_factory.mktemp("place")
    stages = Stages(place / "artifacts", place / "reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        stages.prepared.mkdir(parents=True)
        prepared = with_folds(noisy_prepared(stages.prepared), stages.prepared)
        base = toy_base(place / "base")
        manifest = {"source": SPEC["base"]["source"], "architecture": "bert", "license": "apache-2.0"}
        write_json(stages.reports / "base/manifest.json", {**manifest, "files": {}})
        training = Training(TASK, SECTION, base, prepared, ModelInit())
        trained = finetune_seeds(training, 2, place / "seeds")
        crossed = cross_fit(training, place / "folds")
        write_teacher(training, trained, place / "run", stages.finetuned, crossed)
        report = stages.reports / "evaluate"
        paths = Paths(stages.prepared, stages.finetuned, stages.evaluated, report, report / "latency.json")
        run_evaluate(TASK, Evaluate(resamples=100, latency_examples=10), paths, lambda: base)
        calibrate = Calibrate(rows="calibration_and_out_of_fold", resamples=100)
        run_calibrate(calibrate, stages.evaluated, stages.calibrated, stages.reports / "calibrate")
        gates = [{"metric": "evaluate.seeds.test.accuracy", "at_least": 0.3}]
        return Built(prepared, stages, package(stages, place, gates=gates), place)


def test_the_spread_is_that_of_the_models(built: Built) -> None:
    """Independent oracle: each model loaded by hand and run on the split."""
    stages = built.stages
    measured = read_json(stages.reports / "evaluate/metrics.json")["seeds"]
    stated = read_json(stages.finetuned / "training.json")["seeds"]
    for split in ("validation", "test", "shifted"):
        rows = open_split(built.prepared.splits[split])
        found = [
            predict(TASK, *load_model(TASK, stages.finetuned / one["model"]), rows, 64) for one in stated
        ]
        accuracies = [float((one.logits.argmax(1) == one.labels).mean()) for one in found]
        losses = [nll(one.logits, one.labels) for one in found]
        assert measured[split]["trainings"] == 2
        assert measured[split]["accuracy"]["value"] == pytest.approx(np.mean(accuracies), abs=1e-5)
        assert measured[split]["accuracy_sd"] == pytest.approx(np.std(accuracies, ddof=1), abs=1e-5)
        assert measured[split]["nll"]["value"] == pytest.approx(np.mean(losses), abs=1e-4)
        assert measured[split]["nll_sd"] == pytest.approx(np.std(losses, ddof=1), abs=1e-4)
        assert measured[split]["nll"]["low"] < np.mean(losses) < measured[split]["nll"]["high"]
    with (stages.evaluated / "seeds.tsv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    assert [(line["seed"], line["split"]) for line in lines] == [
        (seed, split) for seed in ("7", "8") for split in ("validation", "test", "shifted")
    ]


def test_the_reader_sees_it(built: Built, capsys: pytest.CaptureFixture[str]) -> None:
    card = (built.place / "teacher/README.md").read_text(encoding="utf-8")
    assert "## Seeds\n\n2 trainings that differ in initial_weights, data_order, dropout alone" in card
    assert "The teacher is the model with the best nll on validation, so its" in card
    assert "Of 2 trainings with other seeds, " in card
    print_summary(built.result, built.place / "none.json")
    assert "test; accuracy of 2 trainings, mean ± sd" in capsys.readouterr().out
    headline = read_json(built.stages.reports / "evaluate/headline.json")
    assert headline["seeds"]["test"].keys() == {"accuracy", "accuracy_sd", "nll_sd"}


def test_rows_out_of_fold_reach_calibration_and_card(built: Built) -> None:
    reports, rows = built.stages.reports, built.prepared.splits["train"].rows
    unseen = load_predictions(built.stages.evaluated, OUT_OF_FOLD)
    own = load_predictions(built.stages.evaluated, "train")
    assert list(unseen.ids) == list(own.ids)
    assert (unseen.labels == own.labels).all()
    assert not np.allclose(unseen.logits, own.logits, atol=0.05)
    calibration = load_predictions(built.stages.evaluated, "calibration")
    logits = np.concatenate([calibration.logits, unseen.logits])
    labels = np.concatenate([calibration.labels, unseen.labels])
    measured = read_json(reports / "calibrate/metrics.json")["calibration"]
    assert measured["out_of_fold_rows"] == rows
    assert measured["temperature"] == pytest.approx(fit_temperature(logits, labels).temperature, abs=1e-5)
    evaluated = read_json(reports / "evaluate/metrics.json")
    card = (built.place / "teacher/README.md").read_text(encoding="utf-8")
    assert f"| train, out of fold | {rows} |" in card
    assert f"and on {rows} train rows as models that had not seen them" in card
    assert f"entropy {evaluated['out_of_fold']['entropy']:.3f} nats; the teacher's on test rows " in card
    assert not [check for check in verify(built.place / "teacher") if check.problems]


def test_a_gate_may_name_the_mean_over_seeds_and_the_package_holds_one_model(built: Built) -> None:
    assert [gate.passed for gate in built.result.gates if "seeds" in gate.gate.metric] == [True]
    assert [path.parent.name for path in (built.place / "teacher").rglob("model.safetensors")] == ["model"]
