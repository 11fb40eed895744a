"""The probe of a language model: every declared student, with the teacher's top k as soft targets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from teacherspec.predictions.generation import Answer, load_answers
from teacherspec.probe.arms import arms
from teacherspec.probe.budgets import budget_rows
from teacherspec.probe.choice import CHOICE
from teacherspec.probe.generation import pretrained_lm, small_llama
from teacherspec.probe.generation.answer_ranks import rank_answers
from teacherspec.probe.generation.rows import ProbeTokens, load_tokens, scored
from teacherspec.probe.generation.training import Answers, Lesson, separate_arms, train_and_score
from teacherspec.probe.outcome import Outcome, RowScores, Trained
from teacherspec.probe.sources import Sources
from teacherspec.probe.training_loop import one_thread, scored_epochs
from teacherspec.spec.probe.probe import Probe


@dataclass(frozen=True)
class StudentKind:
    """How a kind of student is made.

    Attributes:
        build: from declaration, answers and seed to the model before training.
        knows_language: whether it is pre-trained, so that it can rank the teacher's answers.
    """

    build: Callable[[Any, ProbeTokens, int], Any]
    knows_language: bool = False


STUDENTS: Mapping[str, StudentKind] = {
    "small_llama": StudentKind(small_llama.build),
    "pretrained_lm": StudentKind(pretrained_lm.build, knows_language=True),
}
"""Kind of student → how it is made."""


def probe_generation(section: Probe, sources: Sources) -> list[Outcome]:
    """Train every arm of every student.

    Raises:
        UserError: answers or targets are not fit for it, or a training diverges.
    """
    rows = load_tokens(section, sources.prepared, sources.evaluated, sources.calibrated)
    written = load_answers(sources.evaluated, "test")
    with one_thread():
        return [_outcome(section, student, rows, written) for student in section.students]


def _outcome(section: Probe, student: Any, rows: ProbeTokens, written: Sequence[Answer]) -> Outcome:
    kind = STUDENTS[student.kind]
    taught = arms(section, calibrated=rows.calibration != 1.0)
    answers, sets = Answers(rows.train), {name: Answers(one) for name, one in rows.scored_sets().items()}
    unlabelled = np.arange(rows.labelled, len(rows.train.ids))
    untrained = kind.build(student, rows, 0)
    by_budget: dict[float, list[dict[str, RowScores]]] = {share: [] for share in section.budgets}
    counts = {}
    for seed in range(section.seeds):
        for share in section.budgets:
            chosen = budget_rows(np.zeros(rows.labelled, np.int64), share, seed)
            counts[share] = len(chosen)
            lesson = Lesson(answers, rows, np.concatenate([chosen, unlabelled]), seed)
            models = separate_arms(kind.build(student, rows, seed), len(taught))
            by_budget[share].append(train_and_score(models, lesson, taught, student, sets))
    return Outcome(
        name=student.kind,
        score="accuracy",
        parameters=sum(one.numel() for one in untrained.parameters()),
        arms=taught,
        choice=scored(CHOICE, rows.choice),
        reported=[scored(name, one) for name, one in rows.reported.items()],
        budgets=[
            Trained(counts[share], scored_epochs(student.epochs), _joined(found))
            for share, found in by_budget.items()
        ],
        unlabelled=len(unlabelled),
        rank_surprisal=rank_answers(untrained, written, section.confidence) if kind.knows_language else None,
    )


def _joined(seeds: Sequence[Mapping[str, RowScores]]) -> dict[str, RowScores]:
    return {name: RowScores.joined([one[name] for one in seeds], axis=0) for name in seeds[0]}
