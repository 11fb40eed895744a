"""Reports as one HTML file that needs nothing else: no script, no network, pictures inside.

The text of the templates decides what is reported and in which order; everything that comes from data is
escaped there by default.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.finding import p_text, percent
from teacherspec.runtime.atomic_io import write_text
from teacherspec.runtime.html_pages import inline_picture, page_templates


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
    plots = {name: inline_picture(picture) for name, picture in {**pictures, **(extra_plots or {})}.items()}
    templates = page_templates(Path(__file__).parent, {"percent": percent, "p_text": p_text})
    page = templates.get_template(template).render(**content, plots=plots)
    write_text(paths.report / "report.html", page)
