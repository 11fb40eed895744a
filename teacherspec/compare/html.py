"""The comparison as one self-contained HTML file: no script, no network, images embedded."""

import base64
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from teacherspec.compare import formatting
from teacherspec.compare.compare import TeacherDiff, without_texts
from teacherspec.compare.headlines import headlines
from teacherspec.compare.paired_tests import PairedTest
from teacherspec.compare.stage_changes import STATES
from teacherspec.plots.paired_differences import Drawn, draw_differences
from teacherspec.prepare.dataset_diff import changes_as_markdown
from teacherspec.runtime.escaping import cut

TEMPLATE = "diff.html.j2"

SMALLER_IS_BETTER = ("nll", "nll_per_answer", "brier", "ece")
"""Parts of the names of metrics for which a smaller value is better."""

UNITS = {"nll_per_answer": "nats per answer", "bleu": "points of 100", "chrf": "points of 100"}
"""Last part of a metric's name → its unit, where that is neither a share nor nats per row or token."""

FLIPS_SHOWN = 50
"""Flipped rows on the page for each direction and split; `--format json` has all."""


def as_html(diff: TeacherDiff, *, texts: bool = True) -> str:
    """The whole comparison; everything that comes from data is escaped.

    Args:
        diff: the comparison.
        texts: whether to show the content of flipped rows.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    diff = diff if texts else without_texts(diff)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": formatting.number,
        "measured": formatting.measured,
        "signed": formatting.signed,
        "difference": formatting.difference,
        "p_value": formatting.p_value,
        "cut": cut,
    }
    return environment.get_template(TEMPLATE).render(
        diff=diff,
        states=STATES,
        headlines=[line.removeprefix("- ").replace("**", "").replace("`", "") for line in headlines(diff)],
        differences=_differences(diff.predictions.tests),
        images=[(image.path, _data_url(image.before), _data_url(image.after)) for image in diff.images],
        data="" if diff.data is None else changes_as_markdown(diff.data),
        flips_shown=FLIPS_SHOWN,
    )


def _data_url(image: bytes | None) -> str | None:
    """An image as the value of a `src` attribute."""
    encoded = None if image is None else base64.b64encode(image).decode("ascii")
    return None if encoded is None else f"data:image/png;base64,{encoded}"


def _differences(tests: Sequence[PairedTest]) -> str | None:
    """A plot of all paired differences, better to the right."""
    if not tests:
        return None
    lines = []
    for test in tests:
        change = test.difference
        is_error = any(part in SMALLER_IS_BETTER for part in test.metric.split("."))
        values = change.value, change.low, change.high
        oriented = (-values[0], -values[2], -values[1]) if is_error else values
        unit = UNITS.get(test.metric.rpartition(".")[2], Drawn.unit)
        lines.append(Drawn(test.metric, *oriented, test.differs, unit))
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "differences.png"
        draw_differences(lines, path)
        return _data_url(path.read_bytes())
