"""The comparison as one HTML file that needs nothing else: no script, no network, pictures inside."""

import base64
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from teacherspec.compare import formatting
from teacherspec.compare.compare import Review, without_texts
from teacherspec.compare.markdown import headlines
from teacherspec.compare.paired_tests import PairedTest
from teacherspec.compare.stage_changes import STATES
from teacherspec.plots.paired_differences import Drawn, draw_differences
from teacherspec.prepare.dataset_diff import changes_as_markdown

TEMPLATE = "diff.html.j2"

SMALLER_IS_BETTER = ("nll", "nll_per_answer", "brier", "ece")
"""TrainableParts of the names of metrics that are errors."""

UNITS = {"nll_per_answer": "nats an answer", "bleu": "points of 100", "chrf": "points of 100"}
"""Of metrics that are neither shares nor nats a row or token, by the last part of their names."""

FLIPS_SHOWN = 50
"""Flipped rows on the page for each direction and split; `--format json` holds all."""


def as_html(review: Review, *, texts: bool = True) -> str:
    """The whole comparison; everything that comes from data is escaped.

    Args:
        review: what to tell.
        texts: whether to show the content of flipped rows.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    review = review if texts else without_texts(review)
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
        "cut": formatting.cut,
    }
    return environment.get_template(TEMPLATE).render(
        review=review,
        states=STATES,
        headlines=[line.removeprefix("- ").replace("**", "").replace("`", "") for line in headlines(review)],
        differences=_differences(review.answered.tests),
        pictures=[
            (picture.path, _inline(picture.before), _inline(picture.after)) for picture in review.pictures
        ],
        data="" if review.data is None else changes_as_markdown(review.data),
        flips_shown=FLIPS_SHOWN,
    )


def _inline(picture: bytes | None) -> str | None:
    """The picture as the value of a `src` attribute."""
    encoded = None if picture is None else base64.b64encode(picture).decode("ascii")
    return None if encoded is None else f"data:image/png;base64,{encoded}"


def _differences(tests: Sequence[PairedTest]) -> str | None:
    """The picture of all paired differences, better to the right."""
    if not tests:
        return None
    lines = []
    for test in tests:
        ends = test.difference
        is_error = any(part in SMALLER_IS_BETTER for part in test.metric.split("."))
        turned = (-ends.value, -ends.high, -ends.low) if is_error else (ends.value, ends.low, ends.high)
        unit = UNITS.get(test.metric.rpartition(".")[2], Drawn.unit)
        lines.append(Drawn(test.metric, *turned, test.differs, unit))
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "differences.png"
        draw_differences(lines, path)
        return _inline(path.read_bytes())
