"""One training of a recipe with one seed, and its scores."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.recipes.candidates import CandidateTrainer
from benchmarks.recipes.contrastive import contrastive_base
from benchmarks.recipes.datasets import BenchmarkSet
from benchmarks.recipes.recipes import Recipe
from teacherspec.calibrators.temperature import fit_temperature
from teacherspec.finetune.checkpoints import MarkComplete
from teacherspec.finetune.inputs import Training, load_inputs, seed_everything, start_model
from teacherspec.finetune.linear_probe_first import fit_head
from teacherspec.finetune.losses import objective
from teacherspec.finetune.micro_batches import MicroBatches
from teacherspec.finetune.train import callbacks, training_arguments
from teacherspec.finetune.weight_interpolation import interpolate_weights
from teacherspec.inference.classification import predict
from teacherspec.metrics.calibration import (
    ece_noise_floor,
    expected_calibration_error,
    top_label_confidence,
)
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.metrics.scores.softmax import softmax
from teacherspec.metrics.selective_prediction import aurc
from teacherspec.runtime import machine
from teacherspec.runtime.atomic_io import write_parquet
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared, Split, open_split
from teacherspec.tasks.shared.interfaces.capabilities import SupervisedLoss
from teacherspec.tasks.shared.interfaces.model import ModelInit

SCORED_AT_ONCE = 64


def measure(
    name: str, recipe: Recipe, data: BenchmarkSet, seed: int, scratch: Path
) -> Iterator[dict[str, Any]]:
    """Train once and yield the scores of each model that comes of it, by name.

    Args:
        name: of the recipe.
        recipe: what is trained.
        data: the data set.
        seed: of initial weights, order and dropout.
        scratch: folder for checkpoints, removed at the end.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    section = declaration(recipe.declared, data, seed)
    training = Training(data.task, section, data.base, data.prepared, ModelInit(pooling=data.pooling))
    started = time.process_time()
    if recipe.contrastive_epochs:
        training = contrastive_base(training, recipe.contrastive_epochs, scratch / "contrastive")
    if recipe.folds:
        models = [
            _trained(
                _with_head(_without_fold(training, fold, recipe.folds, scratch), scratch / f"{fold}"),
                recipe,
                scratch / f"{fold}",
            )
            for fold in range(recipe.folds)
        ]
        trainer = models[0]
        _average(trainer.model, [one.model for one in models[1:]])
    else:
        training = _with_head(training, scratch)
        trainer = _trained(training, recipe, scratch)
    seconds = time.process_time() - started
    yield _scores(name, data, trainer.model, trainer.processor, seconds)
    if trainer.mean_to_score is not None:
        with trainer.mean_to_score.in_place():
            of_mean = _scores(f"{name}, running mean", data, trainer.model, trainer.processor, seconds)
        yield of_mean
    before = 1.0
    seed_everything(seed)
    start, _ = start_model(training)
    for share in sorted(recipe.interpolated, reverse=True):  # of weights that are interpolated already
        interpolate_weights(trainer.model, start, share / before)
        before = share
        yield _scores(f"{name}, interpolated {share:g}", data, trainer.model, trainer.processor, seconds)
    shutil.rmtree(scratch, ignore_errors=True)


def measure_start(data: BenchmarkSet, scratch: Path) -> dict[str, Any]:
    """The scores of the linear probe that fine-tuning starts from."""
    shutil.rmtree(scratch, ignore_errors=True)
    section = Finetune(epochs=1, batch_size=16, learning_rate=1e-4, linear_probe_first=True)
    training = Training(data.task, section, data.base, data.prepared, ModelInit(pooling=data.pooling))
    started = time.process_time()
    training = _with_head(training, scratch)
    seconds = time.process_time() - started
    seed_everything(0)
    model, processor = start_model(training)
    return _scores("linear probe alone", data, model, processor, seconds)


def declaration(declared: Mapping[str, Any], data: BenchmarkSet, seed: int) -> Finetune:
    """A recipe's section `finetune` for a data set."""
    rates = {name: data.rate * declared[name] for name in declared if name.endswith("learning_rate")}
    epochs = {"epochs": data.epochs * declared["epochs"]}
    values = {**declared, **rates, **epochs, "precision": data.precision, "seed": seed}
    return Finetune.model_validate_json(json.dumps(values))


def _with_head(training: Training, scratch: Path) -> Training:
    probed = training.section.linear_probe_first
    return replace(training, head=fit_head(training, scratch)) if probed else training


def _trained(training: Training, recipe: Recipe, scratch: Path) -> CandidateTrainer:
    """What the product's `train` does, with the trainer of the candidates."""
    task, section = training.task, training.section
    inputs = load_inputs(training)
    layout = machine.batch_layout(section.batch_size)
    batches = MicroBatches(
        len(inputs.train), task.lengths(inputs.train), section.batch_size, layout,
        seed=section.seed, rank=0, processes=1,
    )  # fmt: skip
    trainer = CandidateTrainer(
        extras=recipe.extras,
        classes=inputs.n_classes,
        task=task,
        processor=inputs.processor,
        model=inputs.model,
        train_dataset=inputs.train,
        eval_dataset=inputs.validation,
        head_learning_rate=section.head_learning_rate,
        micro_batches=batches,
        compute_loss_func=objective(section.loss, task.require(SupervisedLoss).loss_terms, None),
        args=training_arguments(training, len(inputs.train), layout, scratch / "checkpoints"),
        callbacks=callbacks(training, batches, inputs.train),
    )
    trainer.remove_callback(MarkComplete)  # nothing here is resumed
    trainer.args.save_only_model = True
    trainer.train()
    return trainer


def _without_fold(training: Training, fold: int, folds: int, scratch: Path) -> Training:
    """On the train rows whose place is in another fold."""
    rows = open_split(training.prepared.splits["train"])
    kept = rows.select([at for at in range(len(rows)) if at % folds != fold])
    path = scratch / f"rest-{fold}.parquet"
    write_parquet(path, kept.data.table.take(kept._indices["indices"]) if kept._indices else kept.data.table)
    split = Split(
        "train", "train", len(kept), f"{training.prepared.splits['train'].sha256}-{folds}-{fold}", path
    )
    prepared = training.prepared
    return replace(
        training, prepared=Prepared(prepared.task, prepared.label_names, {**prepared.splits, "train": split})
    )


def _average(model: Any, others: list[Any]) -> None:
    """Set the model's parameters to the mean over all models (model soup, Wortsman et al. 2022)."""
    with torch.no_grad():
        for own, *rest in zip(model.parameters(), *(one.parameters() for one in others), strict=True):
            own.copy_(torch.stack([own, *rest]).mean(0))


def _scores(name: str, data: BenchmarkSet, model: Any, processor: Any, seconds: float) -> dict[str, Any]:
    model.eval()
    with torch.autocast("cpu", torch.bfloat16, enabled=data.precision == "bf16"):
        test, shifted, validation = (
            predict(data.task, model, processor, open_split(data.prepared.splits[split]), SCORED_AT_ONCE)
            for split in ("test", "shifted", "validation")
        )
    confidence, right = top_label_confidence(softmax(test.logits), test.labels)
    temperature = fit_temperature(validation.logits, validation.labels).temperature
    scores = {
        "accuracy": right.mean(),
        "nll": nll(test.logits, test.labels),
        "nll_scaled": nll(test.logits / temperature, test.labels),
        "ece_excess": expected_calibration_error(confidence, right) - ece_noise_floor(confidence),
        "shifted_accuracy": (shifted.logits.argmax(1) == shifted.labels).mean(),
        "shifted_nll": nll(shifted.logits, shifted.labels),
        "aurc": aurc(confidence, right),
        "validation_nll": nll(validation.logits, validation.labels),
        "seconds": seconds,
    }
    return {"recipe": name, **{key: round(float(np.float64(value)), 5) for key, value in scores.items()}}
