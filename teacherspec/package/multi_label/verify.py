"""Whether the packaged multi-label teacher gives what is stored of it: labels, soft targets, calibration."""

import json
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.label_logits import label_logits
from teacherspec.calibrators.label_thresholds import as_saved, fit_thresholds
from teacherspec.metrics.scores.multi_label import decision_nll, sigmoid
from teacherspec.metrics.scores.validation import FloatArray
from teacherspec.package.build_metadata import label_names_sha256
from teacherspec.package.multi_label.target_statistics import numbers_of
from teacherspec.package.resumable_shards import CONFIG, read_shards
from teacherspec.package.verification.calibration_checks import check_calibrated_nll
from teacherspec.package.verification.consistency_checks import check_reported
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.package.verification.recomputed_targets import check_recomputed
from teacherspec.predictions.multi_label import UNKNOWN
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.calibrate import Calibrate
from teacherspec.splits import UNLABELLED

SAME_THRESHOLD = 1e-6


def check_labels(opened: OpenedPackage) -> Iterator[str]:
    """The same label names in the same order, wherever they are written."""
    import pyarrow.parquet as pq
    from datasets import Features

    names = opened.metadata.label_names
    if opened.metadata.label_names_sha256 != label_names_sha256(names):
        yield "metadata.json: label_names_sha256 is not that of label_names"
    config = read_json(opened.folder / "model/config.json")
    if config["id2label"] != {str(index): name for index, name in enumerate(names)}:
        yield "model/config.json: id2label differs from the label names of metadata.json"
    if config["label2id"] != {name: index for index, name in enumerate(names)}:
        yield "model/config.json: label2id differs from the label names of metadata.json"
    if config.get("problem_type") != "multi_label_classification":
        yield "model/config.json: problem_type is not multi_label_classification"
    if set(opened.calibration()["thresholds"]["by_label"]) != set(names):
        yield "calibration: thresholds are of other labels than the label names of metadata.json"
    for path in sorted((opened.folder / "distill" / CONFIG).glob("*.parquet")):
        features = Features.from_arrow_schema(pq.read_schema(path))
        if any(features[name].length != len(names) for name in ("labels", "logits")):
            yield f"distill/{CONFIG}/{path.name}: has not one number for each label name of metadata.json"


def check_targets(opened: OpenedPackage) -> Iterator[str]:
    """The model gives the stored logits; with the labels they give the reported accuracy and loss."""
    yield from check_recomputed(opened, ("logits",))
    yield from check_reported(opened, lambda split: _measured(opened, split))
    for split in opened.metadata.soft_targets.rows:
        unlabelled = opened.metadata.splits[split].role in UNLABELLED
        allowed = (UNKNOWN,) if unlabelled else (0, 1)
        for batch in read_shards(opened.folder / "distill", split, ["labels"]):
            if not np.isin(numbers_of(batch, "labels"), allowed).all():
                yield f"distill: {split}: labels hold other numbers than {' and '.join(map(str, allowed))}"
                break


def _measured(opened: OpenedPackage, split: str) -> dict[str, float]:
    """Accuracy and mean NLL, nats, of a split's decisions on labels, in bounded memory."""
    hits, total, count = 0, 0.0, 0
    for logits, labels in _logits_and_labels(opened, split):
        hits += int(((logits >= 0) == labels).sum())
        total += float(decision_nll(logits, labels).sum())
        count += labels.size
    return {"accuracy": hits / max(1, count), "nll": total / max(1, count)}


def _logits_and_labels(
    opened: OpenedPackage, split: str
) -> "Iterator[tuple[FloatArray, npt.NDArray[np.bool_]]]":
    """Both `[N, C]` of some rows at a time."""
    for batch in read_shards(opened.folder / "distill", split, ["logits", "labels"]):
        yield numbers_of(batch, "logits").astype(np.float64), numbers_of(batch, "labels") == 1


def check_calibration(opened: OpenedPackage) -> Iterator[str]:
    """Calibrator and thresholds give, on the rows they were fitted on, what was saved with them."""
    yield from check_calibrated_nll(opened, lambda split: _mean_nll(opened, split))
    for name, split in opened.metadata.splits.items():
        if split.role == "calibration" and name in opened.metadata.soft_targets.rows:
            yield from _threshold_problems(opened, name)


def _mean_nll(opened: OpenedPackage, split: str) -> float:
    """Mean loss of the decisions after calibration, nats, in bounded memory."""
    calibrator = opened.calibrator()
    total, count = 0.0, 0
    for logits, labels in _logits_and_labels(opened, split):
        total += float(decision_nll(label_logits(calibrator, logits), labels).sum())
        count += labels.size
    return total / max(1, count)


def _threshold_problems(opened: OpenedPackage, split: str) -> Iterator[str]:
    """Thresholds that the declared rule does not choose on the rows of the calibration split."""
    if "calibrate" not in opened.spec:
        return
    saved, names = opened.calibration()["thresholds"], opened.metadata.label_names
    rule = Calibrate.model_validate_json(json.dumps(opened.spec["calibrate"])).thresholds
    parts = list(_logits_and_labels(opened, split))
    logits, labels = (np.concatenate([part[at] for part in parts]) for at in (0, 1))
    probs = sigmoid(label_logits(opened.calibrator(), logits))
    found = as_saved(rule, fit_thresholds(rule, probs, labels), names)
    if saved["rule"] != found["rule"]:
        yield "calibration: thresholds.rule is not calibrate.thresholds of provenance/spec.json"
    for name in names:
        stated, own = saved["by_label"].get(name), found["by_label"][name]
        if stated != own and (stated is None or own is None or not abs(stated - own) <= SAME_THRESHOLD):
            yield f"calibration: the threshold of {name!a} is {stated}, its rows give {own}"
