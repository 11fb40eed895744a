"""Whether the packaged classifier gives what is stored of it: labels, soft targets, calibrated loss."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Calibrator, apply
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.metrics.scores.softmax import log_softmax, top_label
from teacherspec.package.build_metadata import label_names_sha256
from teacherspec.package.classification.ensemble import COLUMNS as ENSEMBLE
from teacherspec.package.classification.ensemble import LOG_PROBS, contradictions, stored_ensemble
from teacherspec.package.resumable_shards import CONFIG, columns_of, read_shards
from teacherspec.package.verification.calibration_checks import check_calibrated_nll
from teacherspec.package.verification.consistency_checks import check_reported
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.package.verification.recomputed_targets import check_recomputed
from teacherspec.runtime.atomic_io import read_json
from teacherspec.splits import UNLABELLED


def check_labels(opened: OpenedPackage) -> Iterator[str]:
    """The same label names in the same order, wherever they are written."""
    import pyarrow.parquet as pq
    from datasets import Features

    yield from check_names_of_model(opened)
    names = opened.metadata.label_names
    for path in sorted((opened.folder / "distill" / CONFIG).glob("*.parquet")):
        features = Features.from_arrow_schema(pq.read_schema(path))
        if tuple(features["label"].names) != names or features["logits"].length != len(names):
            yield f"distill/{CONFIG}/{path.name}: its labels differ from the label names of metadata.json"


def check_names_of_model(opened: OpenedPackage) -> Iterator[str]:
    """The label names of `metadata.json` are those of the model, and have their hash."""
    names = opened.metadata.label_names
    if opened.metadata.label_names_sha256 != label_names_sha256(names):
        yield "metadata.json: label_names_sha256 is not that of label_names"
    config = read_json(opened.folder / "model/config.json")
    if config["id2label"] != {str(index): name for index, name in enumerate(names)}:
        yield "model/config.json: id2label differs from the label names of metadata.json"
    if config["label2id"] != {name: index for index, name in enumerate(names)}:
        yield "model/config.json: label2id differs from the label names of metadata.json"


def check_targets(opened: OpenedPackage) -> Iterator[str]:
    """The model gives the stored logits; with the labels they give the reported accuracy and loss."""
    yield from check_recomputed(opened, ("logits",))
    yield from check_reported(opened, lambda split: _measured(opened, split))
    for split, row_count in opened.metadata.soft_targets.rows.items():
        if opened.metadata.splits[split].role in UNLABELLED and row_count:
            for batch in read_shards(opened.folder / "distill", split, ["label"]):
                if (batch["label"].to_numpy() != -1).any():
                    yield f"distill: {split}: rows without a class have a label"
                    break
    for split in opened.metadata.soft_targets.rows:
        yield from (f"distill: {split}: {problem}" for problem in _ensemble_problems(opened, split))


def _ensemble_problems(opened: OpenedPackage, split: str) -> Iterator[str]:
    """Targets of the models of cross-fitting together that are missing, or that no models can give."""
    declared = bool(opened.spec.get("finetune", {}).get("ensemble"))
    if (LOG_PROBS in columns_of(opened.folder / "distill", split)) != declared:
        yield f"its columns of an ensemble are not those of finetune.ensemble: {str(declared).lower()}"
        return
    if not declared:
        return
    crossed = opened.metadata.soft_targets.out_of_fold
    in_train = opened.metadata.splits[split].role == "train"
    for batch in read_shards(opened.folder / "distill", split, ENSEMBLE):
        if any(batch[name].null_count != (len(batch) if in_train else 0) for name in ENSEMBLE):
            yield "targets of an ensemble are null on train rows, and on no others"
            return
        if not in_train:
            found = list(contradictions(stored_ensemble(batch), crossed.folds if crossed else None))
            yield from found
            if found:
                return


def _measured(opened: OpenedPackage, split: str) -> dict[str, float]:
    """Accuracy and mean NLL, nats, of a split's stored logits and labels, in bounded memory."""
    hits, total, count = 0, 0.0, 0
    for logits, labels in _logits_and_labels(opened, split):
        hits += int((top_label(logits) == labels).sum())
        total += nll(log_softmax(logits), labels) * len(labels)
        count += len(labels)
    return {"accuracy": hits / max(1, count), "nll": total / max(1, count)}


def _logits_and_labels(
    opened: OpenedPackage, split: str
) -> "Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]":
    """`[N, C]` and `[N]` of some rows at a time."""
    for batch in read_shards(opened.folder / "distill", split, ["logits", "label"]):
        yield batch["logits"].flatten().to_numpy().reshape(len(batch), -1), batch["label"].to_numpy()


def check_calibration(opened: OpenedPackage) -> Iterator[str]:
    """The calibrator gives, on the rows it was fitted on, the loss it was saved with."""
    calibrator = opened.calibrator()
    return check_calibrated_nll(opened, lambda split: _mean_nll(opened, calibrator, split))


def _mean_nll(opened: OpenedPackage, calibrator: Calibrator, split: str) -> float:
    """Mean loss of the labels after calibration, nats, in bounded memory."""
    total, count = 0.0, 0
    for logits, labels in _logits_and_labels(opened, split):
        total += nll(apply(calibrator, logits), labels) * len(labels)
        count += len(labels)
    return total / max(1, count)
