"""Whether the packaged teacher gives the scores and the calibration that are stored of it."""

from collections.abc import Iterator

import numpy as np

from teacherspec.calibrators.score_interval import parse_score_interval
from teacherspec.metrics.scores.regression import score_metrics
from teacherspec.package.quality_gates import find
from teacherspec.package.regression.soft_targets import TEACHER_SCORE
from teacherspec.package.resumable_shards import read_shards
from teacherspec.package.verification.consistency_checks import check_reported
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.package.verification.recomputed_targets import check_recomputed
from teacherspec.tasks.shared.regression_task import SCORE, RegressionTask

TOLERANCE = 1e-5
"""Of numbers that reports round to six decimals, relative to those above 1."""


def check_labels(opened: OpenedPackage) -> Iterator[str]:
    """There are no labels; scores of rows lie on the declared scale."""
    if opened.metadata.label_names:
        yield "metadata.json: a regression teacher has no label names"
    low, high = opened.task.require(RegressionTask).range
    for split in opened.metadata.soft_targets.rows:
        _, labels = _read(opened, split)
        known = labels[~np.isnan(labels)]
        if len(known) and not (low <= known.min() and known.max() <= high):
            yield f"distill: {split}: a score lies outside {low:g} to {high:g}, the declared scale"


def check_targets(opened: OpenedPackage) -> Iterator[str]:
    """The model gives the stored scores, the calibration the calibrated ones, and reports agree with them."""
    yield from check_recomputed(opened, ("logits",))
    interval = parse_score_interval(opened.calibration()["calibrator"])
    for split in opened.metadata.soft_targets.rows:
        for batch in read_shards(opened.folder / "distill", split, ("id", "logits", TEACHER_SCORE)):
            scores = batch["logits"].flatten().to_numpy()
            wrong = np.abs(interval.corrected(scores) - batch[TEACHER_SCORE].to_numpy()) > TOLERANCE
            if wrong.any():
                row = batch["id"][int(wrong.argmax())].as_py()
                yield f"distill: {split}: row {row}: {TEACHER_SCORE} is not the calibrated score"
                break
    yield from check_reported(opened, lambda split: score_metrics(*_read(opened, split)))


def check_calibration(opened: OpenedPackage) -> Iterator[str]:
    """`calibration.json` says what reports and declaration say, and has the errors of its own rows."""
    saved = opened.calibration()
    interval = parse_score_interval(saved["calibrator"])
    numbers = {name: value for name, value in interval.model_dump().items() if isinstance(value, float)}
    for name, value in numbers.items():
        stated = find(opened.reports, f"calibrate.calibration.{name}")
        if stated is None or abs(stated.value - value) > TOLERANCE:
            yield f"calibration: {name} is {value:g}, eval/calibrate/metrics.json says otherwise"
    declared = opened.spec.get("calibrate")
    if declared is not None and saved["declared"] != declared["method"]:
        yield "calibration: declared is not calibrate.method of provenance/spec.json"
    for name, split in opened.metadata.splits.items():
        if split.role == "calibration" and name in opened.metadata.soft_targets.rows:
            scores, labels = _read(opened, name)
            found = score_metrics(interval.corrected(scores), labels)["mse"]
            given = saved["before_after"]["mse"]["after"]
            if abs(found - given) > TOLERANCE * max(1.0, given):
                yield f"calibration: squared error {found:.6f}, calibration.json says {given:.6f}"


def _read(
    opened: OpenedPackage, split: str
) -> "tuple[np.typing.NDArray[np.float64], np.typing.NDArray[np.float64]]":
    """Scores of the model and labels `[N]` of the soft targets of a split; NaN without a label."""
    scores, labels = [np.empty(0)], [np.empty(0)]
    for batch in read_shards(opened.folder / "distill", split, ("logits", SCORE)):
        scores.append(batch["logits"].flatten().to_numpy().astype(np.float64))
        labels.append(batch[SCORE].fill_null(np.nan).to_numpy(zero_copy_only=False))
    return np.concatenate(scores), np.concatenate(labels)
