"""The probe of a language model: every declared student, with the teacher's top k as soft targets."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from teacherspec.probe.arms import arms
from teacherspec.probe.budgets import budget_rows
from teacherspec.probe.choice import CHOICE
from teacherspec.probe.generation import small_llama
from teacherspec.probe.generation.rows import ProbeTokens, load_tokens, scored
from teacherspec.probe.generation.training import Answers, Lesson, separate_arms, train_and_score
from teacherspec.probe.outcome import Outcome, RowScores, Trained
from teacherspec.probe.sources import Sources
from teacherspec.probe.training_loop import one_thread, scored_epochs
from teacherspec.spec.probe.probe import Probe

STUDENTS: Mapping[str, Callable[[Any, ProbeTokens, int], Any]] = {"small_llama": small_llama.build}
"""Kind of student → the model with the weights of a seed, from declaration, answers and seed."""


def probe_generation(section: Probe, sources: Sources) -> list[Outcome]:
    """Train every arm of every student.

    Raises:
        UserError: answers or targets are not fit for it, or a training diverges.
    """
    rows = load_tokens(section, sources.prepared, sources.evaluated, sources.calibrated)
    with one_thread():
        return [_outcome(section, student, rows) for student in section.students]


def _outcome(section: Probe, student: Any, rows: ProbeTokens) -> Outcome:
    taught = arms(section, calibrated=rows.calibration != 1.0)
    answers, sets = Answers(rows.train), {name: Answers(one) for name, one in rows.scored_sets().items()}
    unvouched = np.arange(rows.vouched, len(rows.train.ids))
    parameters = 0
    by_budget: dict[float, list[dict[str, RowScores]]] = {share: [] for share in section.budgets}
    counts = {}
    for seed in range(section.seeds):
        for share in section.budgets:
            chosen = budget_rows(np.zeros(rows.vouched, np.int64), share, seed)
            counts[share] = len(chosen)
            model = STUDENTS[student.kind](student, rows, seed)
            parameters = sum(one.numel() for one in model.parameters())
            lesson = Lesson(answers, rows, np.concatenate([chosen, unvouched]), seed)
            models = separate_arms(model, len(taught))
            by_budget[share].append(train_and_score(models, lesson, taught, student, sets))
    return Outcome(
        name=student.kind,
        score="accuracy",
        parameters=parameters,
        arms=taught,
        choice=scored(CHOICE, rows.choice),
        reported=[scored(name, one) for name, one in rows.reported.items()],
        budgets=[
            Trained(counts[share], scored_epochs(student.epochs), _joined(found))
            for share, found in by_budget.items()
        ],
        unlabelled=len(unvouched),
    )


def _joined(seeds: Sequence[Mapping[str, RowScores]]) -> dict[str, RowScores]:
    return {name: RowScores.joined([one[name] for one in seeds], axis=0) for name in seeds[0]}
