"""Lift of a student over the same student without the teacher, on one set, and the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from teacherspec.metrics.crossed_interval import CrossedMean, crossed_mean
from teacherspec.probe.arms import HARD, PSEUDO
from teacherspec.probe.choice import Chosen, at_epochs
from teacherspec.probe.outcome import Outcome, RowScores
from teacherspec.spec.probe.probe import Probe

Verdict = Literal["lifts", "does not", "inconclusive"]


@dataclass(frozen=True)
class ArmOnSet:
    """One arm on one set, averaged over seeds and rows.

    Attributes:
        score: such as accuracy.
        score_sd: standard deviation of the score over the seeds.
        nll: nats a row.
        epoch: that was chosen for it.
        lift: its score minus that of `hard`.
    """

    score: float
    score_sd: float
    nll: float
    epoch: int
    lift: CrossedMean


@dataclass(frozen=True)
class SetLift:
    """What a teacher is worth on one set and budget.

    Attributes:
        arms: arm's name → its scores, in the order of the arms.
        lift: score of the recommended arm minus that of `hard`.
        nll_gain: NLL of `hard` minus that of the recommended arm.
        dark_knowledge: score of the recommended arm minus that of `pseudo`.
        control: largest lift of a `shuffled` control, by its lower end.
        over_smoothing: score of the recommended arm minus that of a `smoothed` control, of those the one with
            the lowest lower end; None where there are none.
        teacher: the teacher's own score.
        verdict: by the rule of docs/probe.md.
    """

    arms: Mapping[str, ArmOnSet]
    lift: CrossedMean
    nll_gain: CrossedMean
    dark_knowledge: CrossedMean
    control: CrossedMean
    over_smoothing: CrossedMean | None
    teacher: float
    verdict: Verdict


def verdict(
    lift: CrossedMean, control: CrossedMean, over_smoothing: CrossedMean | None, smallest: float
) -> Verdict:
    """The rule of docs/probe.md.

    Args:
        lift: of the recommended arm over labels only.
        control: of the `shuffled` control that lifts most.
        over_smoothing: of the recommended arm over a `smoothed` control; None where there is none.
        smallest: smallest lift worth having.
    """
    needed = [lift, *([] if over_smoothing is None else [over_smoothing])]
    if all(one.interval.low > 0 for one in needed) and control.interval.low <= 0:
        return "lifts"
    return "does not" if any(one.interval.high < smallest for one in needed) else "inconclusive"


def lift_on_set(section: Probe, outcome: Outcome, chosen: Chosen, name: str, budget: int) -> SetLift:
    """The lift of a student on the reported set `name`, with the rows of one of its budgets."""
    trained, epochs = outcome.budgets[budget], chosen.epochs[budget]
    found = at_epochs(trained, name, epochs)
    names = [arm.name for arm in outcome.arms]
    hard, pseudo, taught = names.index(HARD), names.index(PSEUDO), chosen.recommended

    def difference(first: int, second: int, values: str = "score") -> CrossedMean:
        array = getattr(found, values)[:, 0].astype(np.float64)
        return crossed_mean(array[:, first] - array[:, second], confidence=section.confidence)

    lifts = [difference(place, hard) for place in range(len(names))]
    shuffled, smoothed = (
        [place for place, arm in enumerate(outcome.arms) if arm.is_control and arm.is_smoothing == smooths]
        for smooths in (False, True)
    )
    control = max((lifts[place] for place in shuffled), key=lambda one: one.interval.low)
    over_smoothing = min(
        (difference(taught, place) for place in smoothed), key=lambda one: one.interval.low, default=None
    )
    (own,) = (one for one in outcome.reported if one.name == name)
    return SetLift(
        arms={
            arm: _summary(found, place, trained.epochs[epochs[place]], lifts[place])
            for place, arm in enumerate(names)
        },
        lift=lifts[taught],
        nll_gain=difference(hard, taught, "nll"),
        dark_knowledge=difference(taught, pseudo),
        control=control,
        over_smoothing=over_smoothing,
        teacher=float(own.teacher.mean(dtype=np.float64)),
        verdict=verdict(lifts[taught], control, over_smoothing, section.smallest_lift),
    )


def _summary(found: RowScores, place: int, epoch: int, lift: CrossedMean) -> ArmOnSet:
    by_seed = found.score[:, 0, place].mean(axis=1, dtype=np.float64)
    nll = float(found.nll[:, 0, place].mean(dtype=np.float64))
    return ArmOnSet(float(by_seed.mean()), float(by_seed.std(ddof=1)), nll, epoch, lift)
