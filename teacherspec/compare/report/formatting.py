"""Numbers as a pull request shows them."""

from teacherspec.metrics.scores.intervals import Interval
from teacherspec.metrics.seed_variance import Trainings
from teacherspec.package.quality_gates import Measurement


def number(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}"


def measured(found: Measurement | None) -> str:
    """A number with its interval, a count in full, `–` where there is none."""
    if found is not None and isinstance(found.value, int) and found.low is None:
        return str(found.value)
    return "–" if found is None else str(found)


def signed(value: float) -> str:
    """A difference: three significant digits and its sign; plain 0 for none."""
    return "0" if value == 0 else f"{value:+.3g}"


def difference(found: Interval) -> str:
    """A difference with its interval."""
    return f"{signed(found.value)} ({signed(found.low)} to {signed(found.high)})"


def p_value(value: float) -> str:
    """A p-value with two significant digits."""
    return f"{value:.2g}" if value >= 0.001 else "< 0.001"


def over_seeds(found: Trainings) -> str:
    """`0.881 ± 0.004 (5)`: mean, standard deviation and number of trainings; a single one as it is."""
    return number(found.mean) if found.count < 2 else f"{number(found.mean)} ± {found.sd:.2g} ({found.count})"


def several(count: int, one: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"
