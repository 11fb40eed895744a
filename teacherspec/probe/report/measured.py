"""Every number of one student, computed once for tables, plots and metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.probe.arms import HARD, Arm
from teacherspec.probe.choice import Chosen, at_epochs, choose
from teacherspec.probe.lift import SetLift, lift_on_set
from teacherspec.probe.outcome import Outcome
from teacherspec.spec.probe.probe import Probe


@dataclass(frozen=True)
class Measured:
    """One student.

    Attributes:
        outcome: its training.
        chosen: epochs and recommended arm.
        lifts: reported set → lift with the rows of each budget, ascending.
    """

    outcome: Outcome
    chosen: Chosen
    lifts: Mapping[str, Sequence[SetLift]]

    @property
    def recommended(self) -> Arm:
        """The recommended arm."""
        return self.outcome.arms[self.chosen.recommended]


def measure(section: Probe, outcome: Outcome) -> Measured:
    """Choose, then measure on every reported set."""
    chosen = choose(outcome)
    lifts = {
        one.name: [
            lift_on_set(section, outcome, chosen, one.name, place) for place in range(len(outcome.budgets))
        ]
        for one in outcome.reported
    }
    return Measured(outcome, chosen, lifts)


def metrics(measured: Sequence[Measured]) -> dict[str, Any]:
    """Content of `metrics.json`: the first student's numbers, those of others under `further`."""
    if not measured:
        return {}
    first, *others = measured
    found = _student(first)
    if others:
        found["further"] = {f"student_{place}": _student(one) for place, one in enumerate(others, 2)}
    return found


def _student(measured: Measured) -> dict[str, Any]:
    arm, outcome = measured.recommended, measured.outcome
    on_test = next(iter(measured.lifts.values()))[-1]
    recommended = {
        "calibrated": int(arm.targets == "calibrated"),
        "epochs": on_test.arms[arm.name].epoch,
        "temperature": arm.temperature,
        "weight": arm.weight,
    }
    if any(one.targets == "embeddings" for one in outcome.arms):
        recommended["embeddings"] = int(arm.targets == "embeddings")
    about = {
        "recommended": recommended,
        "student": {
            "parameters": outcome.parameters,
            "rows": outcome.budgets[-1].rows,
            "unlabelled_rows": outcome.unlabelled,
            **({"rank_surprisal": asdict(outcome.rank_surprisal)} if outcome.rank_surprisal else {}),
        },
    }
    return {**about, **{name: _set(measured, name, lifts) for name, lifts in measured.lifts.items()}}


def _set(measured: Measured, name: str, lifts: Sequence[SetLift]) -> dict[str, Any]:
    last, arm = lifts[-1], measured.recommended.name
    (own,) = (one for one in measured.outcome.reported if one.name == name)
    found = {
        "rows": len(own.ids),
        "lift": asdict(last.lift.interval),
        "lifts": int(last.verdict == "lifts"),
        "nll_gain": asdict(last.nll_gain.interval),
        "dark_knowledge": asdict(last.dark_knowledge.interval),
        "control": asdict(last.control.interval),
        "retention": last.arms[arm].score / last.teacher if last.teacher else 0.0,
        "labels_only": _quality(measured, name, HARD),
        "taught": _quality(measured, name, arm),
    }
    if last.over_smoothing is not None:
        found["over_smoothing"] = asdict(last.over_smoothing.interval)
    if len(lifts) > 1:
        found["fewer_rows"] = {
            "lift": asdict(lifts[0].lift.interval),
            "lifts": int(lifts[0].verdict == "lifts"),
        }
    return found


def _quality(measured: Measured, name: str, arm: str) -> dict[str, float]:
    """Score, NLL, ECE where it is defined, and further scores of an arm on all rows, averaged over seeds."""
    outcome = measured.outcome
    place = [one.name for one in outcome.arms].index(arm)
    own = at_epochs(outcome.budgets[-1], name, measured.chosen.epochs[-1]).mapped(
        lambda values: values[:, 0, place]
    )
    summary = measured.lifts[name][-1].arms[arm]
    found = {outcome.score: summary.score, "nll": summary.nll}
    if own.confidence is not None:
        pairs = zip(own.confidence, own.score, strict=True)
        found["ece"] = float(np.mean([expected_calibration_error(*of_seed) for of_seed in pairs]))
    return found | {name: float(values.mean(dtype=np.float64)) for name, values in own.further.items()}
