"""The probe of a classifier: every declared student, with the teacher's logits as soft targets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from teacherspec.probe.arms import Arm, arms
from teacherspec.probe.budgets import budget_rows
from teacherspec.probe.choice import CHOICE
from teacherspec.probe.classification import embedder
from teacherspec.probe.classification.rows import ProbeRows, load_rows
from teacherspec.probe.classification.targets import arm_targets
from teacherspec.probe.classification.training import Lesson, train_and_score
from teacherspec.probe.encoders.kinds import ENCODERS
from teacherspec.probe.outcome import Outcome, RowScores, Trained
from teacherspec.probe.sources import Sources
from teacherspec.probe.training_loop import one_thread, scored_epochs
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.probe.students import ImageEmbedder


def probe_classification(section: Probe, sources: Sources) -> list[Outcome]:
    """Train every arm of every student.

    Raises:
        UserError: rows or predictions are not fit for it, or a training diverges.
    """
    (column,) = sources.content
    rows = load_rows(section, sources.prepared, sources.evaluated, sources.calibrated, column)
    with one_thread():
        return [train_student(section, student, rows) for student in section.students]


def train_student(section: Probe, student: Any, rows: ProbeRows) -> Outcome:
    """Train every arm of one student.

    Raises:
        UserError: a training diverges.
    """
    embeds = isinstance(student, ImageEmbedder)
    encoder = student.image if embeds else student
    scored = rows.scored_sets()
    inputs = ENCODERS[encoder.kind].encode(
        encoder, rows.train.content, {name: one.content for name, one in scored.items()}
    )
    sets = {name: (inputs[name], one.labels) for name, one in scored.items()}
    taught = arms(section, calibrated=rows.is_calibrated, embeddings=embeds)
    parameters = 0
    by_budget: dict[float, list[dict[str, RowScores]]] = {share: [] for share in section.budgets}
    counts = {}
    unlabelled = np.arange(rows.labelled, len(rows.train.ids))
    for seed in range(section.seeds):
        targets = arm_targets(taught, rows.train.logits, rows.train.labels, rows.calibrator, seed)
        for share in section.budgets:
            chosen = budget_rows(rows.train.labels[: rows.labelled], share, seed)
            counts[share] = len(chosen)
            lesson = Lesson(inputs["train"], rows.train.labels, targets, np.concatenate([chosen, unlabelled]))
            model, lesson = _students(student, lesson, rows, taught, seed)
            parameters = sum(one.numel() for one in model.parameters()) // len(taught)
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


def _students(
    student: Any, lesson: Lesson, rows: ProbeRows, taught: Sequence[Arm], seed: int
) -> tuple[torch.nn.Module, Lesson]:
    """The students of all arms with the weights of a seed, and all that they learn from."""
    if isinstance(student, ImageEmbedder) and rows.embedded is not None:
        model = embedder.build(student, lesson.inputs, rows.embedded, taught, seed)
        distance = embedder.EmbeddingLoss(taught, rows.embedded, student.width, seed)
        return model, embedder.EmbeddingLesson(**vars(lesson), distance=distance)
    return ENCODERS[student.kind].build(student, lesson.inputs, rows.classes, len(taught), seed), lesson


def _joined(seeds: Sequence[Mapping[str, RowScores]]) -> dict[str, RowScores]:
    return {name: RowScores.joined([one[name] for one in seeds], axis=0) for name in seeds[0]}
