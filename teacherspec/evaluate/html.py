"""Reports as one HTML file that needs nothing else: no script, no network, pictures inside.

The text of the templates decides what is reported and in which order; everything that comes from data is
escaped there by default.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.finding import p_text, percent
from teacherspec.runtime.atomic_io import write_text

if TYPE_CHECKING:
    from markupsafe import Markup


def write_page(
    paths: Paths, template: str, content: Mapping[str, Any], extra_plots: Mapping[str, bytes] | None = None
) -> None:
    """Write `report.html`.

    Args:
        paths: of the stage; every picture in its folder of plots is given to the template as `plots`.
        template: file below `teacherspec/evaluate/`.
        content: further variables of the template.
        extra_plots: name → PNG that only the page shows.
    """
    pictures = {path.stem: path.read_bytes() for path in sorted(paths.plots.glob("*.png"))}
    plots = {name: inline_png(picture) for name, picture in {**pictures, **(extra_plots or {})}.items()}
    page = _environment().get_template(template).render(**content, plots=plots)
    write_text(paths.report / "report.html", page)


def inline_png(picture: bytes) -> str:
    """A PNG as the value of a `src` attribute."""
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")


def code_spans(sentence: str) -> "Markup":
    """A sentence of a finding as HTML: its Markdown code spans as `code` elements, everything escaped."""
    from markupsafe import Markup

    # Parts at odd places are in back quotes: `escaping.markdown_code` leaves none inside a span.
    return Markup("").join(
        Markup("<code>{}</code>").format(part.replace("\\|", "|")) if place % 2 else part
        for place, part in enumerate(sentence.split("`"))
    )


def _environment() -> Any:
    """The templates of this package, everything escaped by default."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": percent, "p_text": p_text, "code_spans": code_spans}
    return environment
