"""What the probe measures of each teacher, with each student, and what an arm costs."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.probe.teachers import TEACHERS
from teacherspec.check.run import check
from teacherspec.metrics.calibration import expected_calibration_error, top_label_confidence
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.metrics.scores.softmax import softmax
from teacherspec.predictions.classification import load_predictions
from teacherspec.probe.arms import arms
from teacherspec.probe.budgets import budget_rows
from teacherspec.probe.classification.probe import probe_classification
from teacherspec.probe.classification.rows import load_rows
from teacherspec.probe.classification.targets import arm_targets
from teacherspec.probe.classification.training import Lesson, train_and_score
from teacherspec.probe.encoders.bag_of_ngrams import build, encode
from teacherspec.probe.lift import ArmOnSet, SetLift
from teacherspec.probe.report.measured import measure
from teacherspec.probe.sources import Sources
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.probe.students import BagOfNgrams
from teacherspec.splits import load_prepared

SECTIONS: Mapping[str, Mapping[str, Any]] = {
    "bag_of_ngrams": {},
    "text_cnn": {
        "students": [{"kind": "text_cnn"}],
        "temperatures": [2.0, 4.0],
        "weights": [0.7],
        "budgets": [1.0],
    },
}
"""Student → what differs from the declaration of `params.yaml`; the second has fewer arms, to cost less."""


def section(student: str) -> Probe:
    """The probe with one student."""
    declared = check(Path("params.yaml")).probe.model_dump(mode="json")
    return Probe.model_validate_json(json.dumps({**declared, **SECTIONS[student]}))


def sources(work: Path, teacher: str) -> Sources:
    """Rows and predictions of a teacher."""
    return Sources(load_prepared(work / "rows"), ["text"], work / teacher)


def lines(work: Path, teacher: str, student: str) -> Iterator[dict[str, Any]]:
    """Lift on each set, with the quality of the teacher."""
    declared = section(student)
    started = time.process_time()
    (outcome,) = probe_classification(declared, sources(work, teacher))
    seconds = time.process_time() - started
    found = measure(declared, outcome)
    for name, lifts in found.lifts.items():
        last = lifts[-1]
        assert last.over_smoothing is not None
        split = load_predictions(work / teacher / "evaluate", name)
        confidence, right = top_label_confidence(softmax(split.logits), split.labels)
        yield {
            "teacher": teacher,
            "student": student,
            "set": name,
            "accuracy": round(float(right.mean()), 4),
            "nll": round(nll(split.logits, split.labels), 4),
            "ece": round(expected_calibration_error(confidence, right), 4),
            "lift": [round(end, 4) for end in _ends(last.lift.interval)],
            "soft_at_2": round(last.arms["soft, T 2"].lift.interval.value, 4),
            "control": [round(end, 4) for end in _ends(last.control.interval)],
            "over_smoothing": [round(end, 4) for end in _ends(last.over_smoothing.interval)],
            "smoothed": round(max(one.lift.interval.value for one in _smoothed(last)), 4),
            "verdict": last.verdict,
            "recommended": found.recommended.name,
            "labels_only": round(last.arms["hard"].score, 4),
            "retention": round(last.arms[found.recommended.name].score / last.teacher, 4),
            "seconds": round(seconds, 1),
        }


def _smoothed(found: SetLift) -> list[ArmOnSet]:
    return [one for name, one in found.arms.items() if name.startswith("smoothed")]


def _ends(interval: Any) -> tuple[float, float, float]:
    return interval.value, interval.low, interval.high


def speed(work: Path) -> dict[str, float]:
    """CPU seconds an arm and epoch: all arms at once, and one arm in a loop of its own."""
    declared, student = section("bag_of_ngrams"), BagOfNgrams(kind="bag_of_ngrams", epochs=5)
    found = sources(work, next(iter(TEACHERS)))
    rows = load_rows(declared, found.prepared, found.evaluated, found.calibrated, "text")
    inputs = encode(student, rows.train.content, {})["train"]
    places = budget_rows(rows.train.labels, 1.0, 0)
    every = arms(declared, calibrated=rows.is_calibrated)
    targets = arm_targets(every, rows.train.logits, rows.train.labels, rows.calibrator, 0)
    torch.set_num_threads(1)
    seconds = {}
    for name, count in (("together", len(every)), ("alone", 1)):
        model = build(student, inputs, rows.classes, count, 0)
        lesson = Lesson(inputs, rows.train.labels, np.ascontiguousarray(targets[:count]), places)
        started = time.process_time()
        train_and_score(model, lesson, every[:count], student, 0, {})
        seconds[name] = (time.process_time() - started) / (count * student.epochs)
    return {name: round(value, 4) for name, value in seconds.items()}
