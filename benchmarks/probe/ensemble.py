"""Whether students learn more from an ensemble of cross-fit models than from the one teacher.

Public texts with few labels: the teacher is trained on labelled rows, and students learn from these and from
further rows that nobody labelled, as `package` stores both kinds of targets: of the teacher, or out-of-fold
logits on train rows and the mean of the models of `finetune.cross_fit` on the others.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.recipes.datasets import BenchmarkSet, drawn, text_set
from teacherspec.calibrators.fitted import Identity
from teacherspec.finetune.cross_fit import OUT_OF_FOLD, cross_fit
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.train import finetune
from teacherspec.inference.classification import predict
from teacherspec.inference.load import load_model
from teacherspec.metrics.crossed_interval import crossed_mean
from teacherspec.metrics.scores.disagreement import ensemble
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.predictions.classification import NO_LABEL
from teacherspec.probe.choice import at_epochs
from teacherspec.probe.classification.probe import train_student
from teacherspec.probe.classification.rows import ProbeRows, TeacherRows
from teacherspec.probe.report.measured import Measured, measure
from teacherspec.probe.training_loop import one_thread
from teacherspec.runtime.atomic_io import write_parquet
from teacherspec.spec.finetune import Finetune
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.probe.students import BagOfNgrams
from teacherspec.splits import Split, open_split
from teacherspec.tasks.shared.hf_loading import quiet_libraries
from teacherspec.tasks.shared.interfaces.model import ModelInit

FOLDS, SCORED_AT_ONCE = 3, 64
FINETUNE = {
    "epochs": 4, "batch_size": 16, "learning_rate": 1e-4, "linear_probe_first": True,
    "weight_interpolation": 0.7, "precision": "bf16", "cross_fit": True, "ensemble": True,
}  # fmt: skip
PROBE = {"students": [{"kind": "bag_of_ngrams"}], "seeds": 4, "budgets": [1.0]}

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Targets:
    """Logits of one source on the rows that students learn from.

    Attributes:
        train: `[N, C]`.
        transfer: `[M, C]`.
    """

    train: Logits
    transfer: Logits


def lines(data: Path, work: Path) -> Iterator[dict[str, Any]]:
    """One line a data set, source and reported set."""
    quiet_libraries()
    torch.set_num_threads(1)
    for name, load in (("banking77", _banking77), ("clinc150", _clinc150)):
        folder = work / "ensemble" / name
        yield from _compared(name, load(data, folder), folder)


def _banking77(data: Path, work: Path) -> BenchmarkSet:
    """77 intents: of each class 5 rows with labels, 3 for validation and 10 without labels."""
    parts = {}
    for name in ("train", "test"):
        with (data / f"text/banking77/{name}.csv").open(encoding="utf-8", newline="") as file:
            parts[name] = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    return text_set(work, drawn({"train": 5, "validation": 3, "transfer": 10}, parts["train"]), parts["test"])


def _clinc150(data: Path, work: Path) -> BenchmarkSet:
    """150 intents: of each class 3 rows with labels, 2 for validation and 6 without labels."""
    rows = json.loads((data / "text/clinc150/data_full.json").read_text(encoding="utf-8"))
    parts = drawn({"train": 3, "transfer": 6}, rows["train"]) | drawn({"validation": 2}, rows["val"])
    return text_set(work, parts, rows["test"])


def _compared(name: str, data: BenchmarkSet, folder: Path) -> Iterator[dict[str, Any]]:
    teacher, members = _teachers(data, folder)
    rows = {split: open_split(one) for split, one in data.prepared.splits.items()}
    labels = {split: np.asarray(one["label"][:], np.int64) for split, one in rows.items()}
    sources = {
        "teacher": Targets(teacher["train"], teacher["transfer"]),
        "ensemble": members,
        "ensemble on unlabelled rows": Targets(teacher["train"], members.transfer),
    }
    found: dict[str, Measured] = {}
    section = Probe.model_validate_json(json.dumps(PROBE))
    for source, targets in sources.items():

        def part(split: str, logits: Logits, known: bool = True) -> TeacherRows:
            own = labels[split] if known else np.full(len(logits), NO_LABEL)
            return TeacherRows(rows[split]["id"][:], own, logits, rows[split]["text"][:])

        own, transfer = part("train", targets.train), part("transfer", targets.transfer, known=False)
        train = TeacherRows(
            [*own.ids, *transfer.ids],
            np.concatenate([own.labels, transfer.labels]),
            np.concatenate([own.logits, transfer.logits]),
            [*own.content, *transfer.content],
        )
        reported = {split: part(split, teacher[split]) for split in ("test", "shifted")}
        choice = part("validation", teacher["validation"])
        probed = ProbeRows(train, len(own.ids), choice, reported, len(data.prepared.label_names), Identity())
        with one_thread():
            found[source] = measure(
                section, train_student(section, BagOfNgrams(kind="bag_of_ngrams"), probed)
            )
        for split, lifts in found[source].lifts.items():
            gained = crossed_mean(_taught(found[source], split) - _taught(found["teacher"], split)).interval
            on_transfer = targets.transfer.argmax(1) == labels["transfer"]
            yield {
                "data": name,
                "source": source,
                "set": split,
                "unlabelled_accuracy": round(float(on_transfer.mean()), 4),
                "unlabelled_nll": round(nll(targets.transfer, labels["transfer"]), 4),
                "teacher": round(lifts[-1].teacher, 4),
                "labels_only": round(lifts[-1].arms["hard"].score, 4),
                "lift": _ends(lifts[-1].lift.interval),
                "over_teacher": _ends(gained),
                "verdict": lifts[-1].verdict,
                "recommended": found[source].recommended.name,
            }


def _taught(one: Measured, split: str) -> npt.NDArray[np.float64]:
    """Scores `[S, N]` of the recommended arm."""
    scores = at_epochs(one.outcome.budgets[-1], split, one.chosen.epochs[-1]).score
    return scores[:, 0, one.chosen.recommended].astype(np.float64)


def _ends(interval: Any) -> tuple[float, float, float]:
    return round(interval.value, 4), round(interval.low, 4), round(interval.high, 4)


def _teachers(data: BenchmarkSet, folder: Path) -> tuple[Mapping[str, Logits], Targets]:
    """Logits of the teacher on every split, and of the cross-fit models on what students learn from."""
    train = data.prepared.splits["train"]
    folded = replace(train, path=_with_folds(train, folder))
    prepared = replace(data.prepared, splits={**data.prepared.splits, "train": folded})
    # Only these rows are unlabelled for students; the ensemble runs on no others that it needs.
    section = Finetune.model_validate_json(json.dumps(FINETUNE))
    training = Training(data.task, section, data.base, prepared, ModelInit(pooling=data.pooling))
    if not (folder / "teacher").is_dir():
        finetune(training, folder / "scratch", folder / "teacher")
    (folder / "folds").mkdir(exist_ok=True)
    cross_fit(training, folder / "folds")
    model, processor = load_model(data.task, folder / "teacher/model")
    logits = {
        name: predict(data.task, model, processor, open_split(split), SCORED_AT_ONCE).logits
        for name, split in data.prepared.splits.items()
    }
    return logits, Targets(
        _in_order(folder / "folds" / OUT_OF_FOLD, train), _mean(folder / "folds/ensemble-transfer.parquet")
    )


def _with_folds(train: Split, folder: Path) -> Path:
    table = pq.read_table(train.path)
    path = folder / "folded.parquet"
    write_parquet(path, table.append_column("fold", pa.array(np.arange(len(table)) % FOLDS, pa.int32())))
    return path


def _in_order(path: Path, train: Split) -> Logits:
    found = pq.read_table(path).to_pydict()
    by_id = dict(zip(found["id"], found["logits"], strict=True))
    return np.asarray([by_id[row_id] for row_id in open_split(train)["id"][:]], np.float32)


def _mean(path: Path) -> Logits:
    """Logarithm of the mean of the models' probabilities."""
    table = pq.read_table(path).combine_chunks()
    names = [name for name in table.column_names if name != "id"]
    members = [log_softmax(np.asarray(table[name].to_pylist(), np.float64)) for name in names]
    return ensemble(members).log_probs.astype(np.float32)
