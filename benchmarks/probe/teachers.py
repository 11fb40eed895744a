"""Five teachers of the default task whose worth to a student is known beforehand."""

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.recipes.datasets import helpdesk
from teacherspec.calibrate.run import run_calibrate
from teacherspec.check.run import check
from teacherspec.finetune.inputs import Training, load_inputs, seed_everything, start_model
from teacherspec.finetune.linear_probe_first import fit_head
from teacherspec.finetune.train import build_trainer
from teacherspec.finetune.weight_interpolation import interpolate_weights
from teacherspec.inference.classification import predict
from teacherspec.predictions.classification import save_predictions
from teacherspec.predictions.index import PredictionIndex, save_index
from teacherspec.runtime.atomic_io import new_folder, sha256_file, write_json, write_parquet
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared, open_split
from teacherspec.tasks.shared.hf_loading import quiet_libraries
from teacherspec.tasks.shared.interfaces.model import ModelInit

SCORED_AT_ONCE = 64
SHUFFLED_SHARE = 0.2


@dataclass(frozen=True)
class Teacher:
    """How a teacher differs from the default declaration.

    Attributes:
        declared: keys of `finetune` that differ; None removes one.
        keep: whether validation chooses the checkpoint, or the last weights are kept.
        shuffled: share of the train rows whose labels are exchanged among each other.
    """

    declared: Mapping[str, Any] = field(default_factory=dict)
    keep: Literal["best", "last"] = "best"
    shuffled: float = 0.0


TEACHERS: Mapping[str, Teacher] = {
    "best": Teacher(),
    "early-stopped": Teacher({"epochs": 1, "weight_interpolation": None}),
    "over-trained": Teacher(
        {
            "epochs": 12,
            "schedule": "constant",
            "linear_probe_first": False,
            "weight_interpolation": None,
            "early_stopping": None,
        },
        keep="last",
    ),
    "label-smoothed": Teacher({"loss": {"kind": "cross_entropy", "label_smoothing": 0.2}}),
    "label-shuffled": Teacher(
        {"weight_interpolation": None, "early_stopping": None}, keep="last", shuffled=SHUFFLED_SHARE
    ),
}
"""Name → teacher, in the order in which they are trained."""


def train_missing(work: Path) -> None:
    """Train, evaluate and calibrate each teacher that `work` lacks."""
    quiet_libraries()
    torch.set_num_threads(1)
    data = helpdesk(Path(), work)
    calibrate = check(Path("params.yaml")).calibrate
    for name, teacher in TEACHERS.items():
        folder = work / name
        if (folder / "calibrate").is_dir():
            continue
        started = time.process_time()
        prepared = _with_shuffled(data.prepared, teacher.shuffled, work / "shuffled_rows")
        training = Training(
            data.task, _section(teacher), data.base, prepared, ModelInit(pooling=data.pooling)
        )
        model, processor = _trained(training, teacher.keep, folder / "scratch")
        with new_folder(folder / "evaluate") as predictions:
            for split in data.prepared.splits.values():
                rows = open_split(split)
                found = predict(data.task, model, processor, rows, SCORED_AT_ONCE)
                save_predictions(predictions / "predictions" / f"{split.name}.parquet", found)
            roles = {one.name: one.role for one in data.prepared.splits.values()}
            counts = {one.name: one.rows for one in data.prepared.splits.values()}
            save_index(predictions, PredictionIndex(data.prepared.label_names, roles, counts))
        run_calibrate(calibrate, folder / "evaluate", folder / "calibrate", folder / "report")
        write_json(folder / "seconds.json", round(time.process_time() - started, 1))


def _section(teacher: Teacher) -> Finetune:
    values = {**check(Path("params.yaml")).finetune.model_dump(mode="json"), "precision": "bf16"}
    changed = {**values, **teacher.declared}
    return Finetune.model_validate_json(json.dumps(changed))


def _trained(training: Training, keep: str, scratch: Path) -> tuple[Any, Any]:
    """What the product's `finetune` does, but for the last weights where those are kept."""
    shutil.rmtree(scratch, ignore_errors=True)
    section = training.section
    if section.linear_probe_first:
        training = replace(training, head=fit_head(training, scratch))
    inputs = load_inputs(training)
    trainer = build_trainer(training, inputs, scratch / "checkpoints")
    trainer.args.load_best_model_at_end = keep == "best"
    trainer.train()
    model = trainer.model
    if section.weight_interpolation is not None:
        seed_everything(section.seed)
        interpolate_weights(model, start_model(training)[0], section.weight_interpolation)
    shutil.rmtree(scratch, ignore_errors=True)
    return model.eval(), inputs.processor


def _with_shuffled(prepared: Prepared, share: float, folder: Path) -> Prepared:
    """With the labels of a share of the train rows exchanged among each other."""
    if not share:
        return prepared
    split = prepared.splits["train"]
    table = pq.read_table(split.path)
    labels = table["label"].to_numpy().copy()
    draw = np.random.default_rng(0)
    chosen = draw.choice(len(labels), round(share * len(labels)), replace=False)
    labels[chosen] = labels[draw.permutation(chosen)]
    place = table.column_names.index("label")
    path = folder / "train.parquet"
    write_parquet(path, table.set_column(place, table.schema.field(place), pa.array(labels, pa.int32())))
    train = replace(split, path=path, sha256=sha256_file(path))
    return replace(prepared, splits={**prepared.splits, "train": train})
