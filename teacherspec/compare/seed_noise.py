"""Whether two recipes differ by more than their seeds do.

Paired tests compare two models on the same rows. They answer whether these two models differ, not whether the
recipes do: another seed would have given another model. Where a side declares several seeds, the difference
of the means over them is compared with their spread.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from teacherspec.compare.paired_tests import FALSE_DISCOVERY_RATE, PairedTest
from teacherspec.compare.reported_numbers import Number
from teacherspec.metrics.multiple_testing import adjusted
from teacherspec.metrics.scores.intervals import Interval
from teacherspec.metrics.seed_variance import Trainings, compare_trainings
from teacherspec.package.quality_gates import Measurement

METRICS = ("accuracy", "nll")
PREFIX = "evaluate.seeds."


@dataclass(frozen=True)
class SeedComparison:
    """A metric of two recipes, over their seeds.

    Attributes:
        metric: dotted name of the metric of one model, such as `evaluate.test.accuracy`.
        before: of the base revision; one training where it declares no seeds.
        after: of the head revision.
        difference: after - before, with its 95 % interval over further trainings.
        p_value: two-sided, by Student's t (Welch).
        q_value: adjusted over the metrics of the comparison (Benjamini & Hochberg 1995).
    """

    metric: str
    before: Trainings
    after: Trainings
    difference: Interval
    p_value: float
    q_value: float

    @property
    def within_noise(self) -> bool:
        """Whether the seeds alone may explain the difference."""
        return self.q_value > FALSE_DISCOVERY_RATE


def compare_seeds(numbers: Sequence[Number]) -> tuple[SeedComparison, ...]:
    """Every metric that a side reports over several seeds and the other reports too.

    Args:
        numbers: of the reports of both sides.
    """
    by_name = {number.metric: number for number in numbers}
    found = list(_compared(by_name))
    q_values = adjusted([one.p_value for one in found])
    return tuple(replace(one, q_value=q) for one, q in zip(found, q_values, strict=True))


def _compared(by_name: Mapping[str, Number]) -> Iterator[SeedComparison]:
    for name in by_name:
        split, _, metric = name.removeprefix(PREFIX).rpartition(".")
        if not name.startswith(PREFIX) or metric not in METRICS:
            continue
        single = f"evaluate.{split}.{metric}"
        sides = [_trainings(by_name, side, split, metric, single) for side in ("before", "after")]
        if sides[0] is not None and sides[1] is not None:
            test = compare_trainings(sides[0], sides[1])
            yield SeedComparison(single, sides[0], sides[1], test.difference, test.p_value, test.p_value)


def _trainings(
    by_name: Mapping[str, Number], side: str, split: str, metric: str, single: str
) -> Trainings | None:
    """What a side reports of a metric over its seeds; its one model where it has no seeds."""

    def value(name: str) -> Measurement | None:
        number = by_name.get(name)
        found: Measurement | None = None if number is None else getattr(number, side)
        return found

    parts = [value(f"{PREFIX}{split}.{name}") for name in (metric, f"{metric}_sd", "trainings")]
    if parts[0] is not None and parts[1] is not None and parts[2] is not None and parts[2].value >= 2:
        return Trainings(parts[0].value, max(parts[1].value, 0.0), int(parts[2].value))
    one = value(single)
    return None if one is None else Trainings(one.value, 0.0, 1)


def with_seed_noise(tests: Sequence[PairedTest], seeds: Sequence[SeedComparison]) -> tuple[PairedTest, ...]:
    """The paired tests, marked where the seeds alone may explain a difference."""
    noise = {one.metric for one in seeds if one.within_noise}
    return tuple(replace(test, within_seed_noise=test.metric in noise) for test in tests)
