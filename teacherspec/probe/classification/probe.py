"""The probe of a classifier: every declared student, with the teacher's logits as soft targets."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from teacherspec.probe.arms import arms
from teacherspec.probe.budgets import budget_rows
from teacherspec.probe.choice import CHOICE
from teacherspec.probe.classification import bag_of_ngrams, images, text_cnn, text_transformer, word_ids
from teacherspec.probe.classification.rows import ProbeRows, load_rows
from teacherspec.probe.classification.targets import arm_targets
from teacherspec.probe.classification.training import Inputs, Lesson, scored_epochs, train_and_score
from teacherspec.probe.outcome import Outcome, RowScores, Trained
from teacherspec.probe.sources import Sources
from teacherspec.spec.probe import Probe


@dataclass(frozen=True)
class StudentKind:
    """How a kind of student is made.

    Attributes:
        encode: from declaration, train content and the content of other sets to the inputs of all.
        build: from declaration, train inputs, classes, arms and seed to the students of all arms.
    """

    encode: Callable[[Any, Sequence[Any], Mapping[str, Sequence[Any]]], dict[str, Inputs]]
    build: Callable[[Any, Inputs, int, int, int], torch.nn.Module]


STUDENTS: Mapping[str, StudentKind] = {
    "bag_of_ngrams": StudentKind(bag_of_ngrams.encode, bag_of_ngrams.build),
    "text_cnn": StudentKind(word_ids.encode, text_cnn.build),
    "image_resnet": StudentKind(images.encode, images.build_resnet),
    "image_vit": StudentKind(images.encode, images.build_vit),
    "text_transformer": StudentKind(word_ids.encode, text_transformer.build),
}
"""Kind of student → how it is made."""


def probe_classification(section: Probe, sources: Sources) -> list[Outcome]:
    """Train every arm of every student.

    Raises:
        UserError: rows or predictions are not fit for it, or a training diverges.
    """
    (column,) = sources.content
    rows = load_rows(section, sources.prepared, sources.evaluated, sources.calibrated, column)
    with one_thread():
        return [_outcome(section, student, rows) for student in section.students]


@contextmanager
def one_thread() -> Iterator[None]:
    """Small layers gain nothing from more threads, and sums depend on their number on some of them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _outcome(section: Probe, student: Any, rows: ProbeRows) -> Outcome:
    kind = STUDENTS[student.kind]
    scored = rows.scored_sets()
    inputs = kind.encode(student, rows.train.content, {name: one.content for name, one in scored.items()})
    sets = {name: (inputs[name], one.labels) for name, one in scored.items()}
    taught = arms(section, calibrated=rows.is_calibrated)
    parameters = 0
    by_budget: dict[float, list[dict[str, RowScores]]] = {share: [] for share in section.budgets}
    counts = {}
    unlabelled = np.arange(rows.labelled, len(rows.train.ids))
    for seed in range(section.seeds):
        targets = arm_targets(taught, rows.train.logits, rows.train.labels, rows.calibrator, seed)
        for share in section.budgets:
            chosen = budget_rows(rows.train.labels[: rows.labelled], share, seed)
            counts[share] = len(chosen)
            model = kind.build(student, inputs["train"], rows.classes, len(taught), seed)
            parameters = sum(one.numel() for one in model.parameters()) // len(taught)
            lesson = Lesson(inputs["train"], rows.train.labels, targets, np.concatenate([chosen, unlabelled]))
            by_budget[share].append(train_and_score(model, lesson, taught, student, seed, sets))
    return Outcome(
        name=student.kind,
        score="accuracy",
        parameters=parameters,
        arms=taught,
        choice=rows.choice.scored(CHOICE),
        reported=[one.scored(name) for name, one in rows.reported.items()],
        budgets=[
            Trained(counts[share], scored_epochs(student.epochs), _joined(found))
            for share, found in by_budget.items()
        ],
        unlabelled=len(unlabelled),
    )


def _joined(seeds: Sequence[Mapping[str, RowScores]]) -> dict[str, RowScores]:
    return {name: RowScores.joined([one[name] for one in seeds], axis=0) for name in seeds[0]}
