"""The tables of a probe: every arm, the learning curves, and where the lift comes from."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.crossed_interval import CrossedMean, crossed_mean
from teacherspec.metrics.significance import benjamini_hochberg
from teacherspec.predictions.classification import SliceRows
from teacherspec.probe.arms import HARD
from teacherspec.probe.choice import at_epochs
from teacherspec.probe.report.measured import Measured

ARM_COLUMNS = (
    "student", "train_rows", "set", "arm", "recommended", "epoch", "score", "score_sd", "nll", "lift", "low",
    "high",
)  # fmt: skip
CURVE_COLUMNS = ("student", "train_rows", "set", "arm", "epoch", "score", "nll")
SLICE_COLUMNS = (
    "student", "slice", "family", "rows", "labels_only", "taught", "lift", "low", "high", "q_value"
)  # fmt: skip


def arm_rows(measured: Sequence[Measured]) -> Iterator[Sequence[object]]:
    """Each arm on each set with each budget."""
    for one in measured:
        for name, lifts in one.lifts.items():
            for trained, found in zip(one.outcome.budgets, lifts, strict=True):
                for arm, of_arm in found.arms.items():
                    numbers = (of_arm.score, of_arm.score_sd, of_arm.nll, *_ends(of_arm.lift))
                    is_best = arm == one.recommended.name
                    head = (one.outcome.name, trained.rows, name, arm, is_best, of_arm.epoch)
                    yield (*head, *(round(number, 6) for number in numbers))


def curve_rows(measured: Sequence[Measured]) -> Iterator[Sequence[object]]:
    """Score and NLL after each epoch that was scored, averaged over the seeds."""
    for one in measured:
        names = [arm.name for arm in one.outcome.arms]
        for trained in one.outcome.budgets:
            for name in one.lifts:
                scores = trained.sets[name]
                for arm in (HARD, one.recommended.name):
                    place = names.index(arm)
                    for at, epoch in enumerate(trained.epochs):
                        means = (
                            values[:, at, place].mean(dtype=np.float64)
                            for values in (scores.score, scores.nll)
                        )
                        head = (one.outcome.name, trained.rows, name, arm, epoch)
                        yield (*head, *(round(float(mean), 6) for mean in means))


def slice_rows(
    measured: Sequence[Measured], slices: Sequence[SliceRows], ids: Sequence[str], confidence: float
) -> Iterator[Sequence[object]]:
    """Lift of the first student on each slice of the test split, the largest first.

    Args:
        measured: of each student.
        slices: rows by their place among `ids`.
        ids: of all rows of the test split.
        confidence: level of the intervals.
    """
    for one in measured[:1]:
        test = one.outcome.reported[0]
        places = {row_id: place for place, row_id in enumerate(test.ids)}
        scores = at_epochs(one.outcome.budgets[-1], test.name, one.chosen.epochs[-1]).score[:, 0]
        hard = scores[:, [arm.name for arm in one.outcome.arms].index(HARD)]
        taught = scores[:, one.chosen.recommended]
        found: list[tuple[SliceRows, npt.NDArray[np.intp], CrossedMean]] = []
        for part in slices:
            rows = np.asarray([places[ids[row]] for row in part.rows if ids[row] in places], np.intp)
            if len(rows) > 1:
                change = taught[:, rows] - hard[:, rows]
                found.append((part, rows, crossed_mean(change, confidence=confidence)))
        if not found:
            continue
        q_values = benjamini_hochberg([lift.p_value for _, _, lift in found])
        for (part, rows, lift), q_value in sorted(
            zip(found, q_values, strict=True), key=lambda pair: (-pair[0][2].interval.value, pair[0][0].name)
        ):
            numbers = (hard[:, rows].mean(), taught[:, rows].mean(), *_ends(lift))
            head = (one.outcome.name, part.name, part.family, len(rows))
            yield (*head, *(round(float(number), 6) for number in numbers), float(f"{q_value:.3g}"))


def row_columns(one: Measured) -> Mapping[str, Sequence[object]]:
    """Scores of every reported row, by the student with labels only and by the taught one, seed by seed."""
    columns: dict[str, list[object]] = {name: [] for name in ("set", "id", "seed", "labels_only", "taught")}
    hard = [arm.name for arm in one.outcome.arms].index(HARD)
    for own in one.outcome.reported:
        scores = at_epochs(one.outcome.budgets[-1], own.name, one.chosen.epochs[-1]).score[:, 0]
        for seed, of_seed in enumerate(scores):
            columns["set"] += [own.name] * len(own.ids)
            columns["id"] += own.ids
            columns["seed"] += [seed] * len(own.ids)
            columns["labels_only"] += of_seed[hard].tolist()
            columns["taught"] += of_seed[one.chosen.recommended].tolist()
    return columns


def _ends(mean: CrossedMean) -> tuple[float, float, float]:
    return mean.interval.value, mean.interval.low, mean.interval.high
