"""The comparison as one self-contained HTML file: no script, no network, everything embedded."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from teacherspec.compare.compare import TeacherDiff, without_texts
from teacherspec.compare.paired_tests import PairedTest
from teacherspec.compare.report import formatting
from teacherspec.compare.report.calibration_table import calibration_rows
from teacherspec.compare.report.directions import direction, seed_verdict, unit, verdict
from teacherspec.compare.report.headlines import headlines
from teacherspec.compare.reported_numbers import Number
from teacherspec.compare.stage_changes import STATES
from teacherspec.runtime.escaping import cut
from teacherspec.runtime.html_pages import inline_picture, page_templates

TEMPLATE = "diff.html.j2"

FLIPS_SHOWN = 50
"""Flipped and changed rows on the page for each direction and split; `--format json` has all."""


def as_html(diff: TeacherDiff, *, texts: bool = True) -> str:
    """The whole comparison; everything that comes from data is escaped.

    Args:
        diff: the comparison.
        texts: whether to show the content of flipped rows.
    """
    diff = diff if texts else without_texts(diff)
    tests = diff.predictions.tests
    return str(
        page_templates(Path(__file__).parent, FILTERS)
        .get_template(TEMPLATE)
        .render(
            diff=diff,
            states=STATES,
            headlines=[line.removeprefix("- ") for line in headlines(diff)],
            directions=direction,
            verdict=verdict,
            units=unit,
            scales=_scales(tests),
            counts=Counter(verdict(test) for test in tests),
            calibration=list(calibration_rows(diff.numbers)),
            images=[(image.path, *map(_picture, (image.before, image.after))) for image in diff.images],
            others=_others(diff),
            flips_shown=FLIPS_SHOWN,
        )
    )


def _others(diff: TeacherDiff) -> list[Number]:
    """Numbers of the reports that differ and that no paired test covers."""
    tested = {test.metric for test in diff.predictions.tests}
    return [found for found in diff.numbers if found.differs and found.metric not in tested]


def _moved(tally: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return {name: pair for name, pair in tally.items() if pair[0] != pair[1]}


def _scales(tests: Sequence[PairedTest]) -> dict[str, float]:
    """Unit → the largest end of an interval, which is the end of the axis."""
    scales: dict[str, float] = {}
    for test in tests:
        change = test.difference
        largest = max(abs(change.low), abs(change.high), abs(change.value))
        scales[unit(test.metric)] = max(scales.get(unit(test.metric), 0.0), largest)
    return scales


def _picture(image: bytes | None) -> str | None:
    return None if image is None else inline_picture(image)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "number": formatting.number,
    "measured": formatting.measured,
    "signed": formatting.signed,
    "difference": formatting.difference,
    "p_value": formatting.p_value,
    "several": formatting.several,
    "over_seeds": formatting.over_seeds,
    "seed_verdict": seed_verdict,
    "cut": cut,
    "moved": _moved,
}
"""Filters of the template."""
