"""Pages of HTML that need nothing else: no network, pictures inside, text from data escaped by default."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

PNG = b"\x89PNG"


def page_templates(folder: Path, filters: Mapping[str, Callable[..., Any]]) -> "Environment":
    """The templates in a folder, with these filters and `inline_markdown`; an unknown name is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"inline_markdown": inline_markdown, **filters}
    return environment


def inline_picture(picture: bytes) -> str:
    """A PNG or JPEG as the value of a `src` attribute."""
    kind = "png" if picture.startswith(PNG) else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


def csp_digest(text: str) -> str:
    """Source expression of the Content Security Policy that allows exactly this text (CSP level 2)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def inline_markdown(line: str) -> "Markup":
    """A line of Markdown of this project as HTML: code spans and bold, everything else escaped."""
    from markupsafe import Markup

    parts: list[Markup | str] = []
    bold = False
    # Parts at odd places are in back quotes: `escaping.markdown_code` leaves none inside a span.
    for place, part in enumerate(line.split("`")):
        if place % 2:
            parts.append(Markup("<code>{}</code>").format(part.replace("\\|", "|")))
            continue
        for number, text in enumerate(part.split("**")):
            if number:
                bold = not bold
                parts.append(Markup("<strong>") if bold else Markup("</strong>"))
            parts.append(text)
    return Markup("").join(parts)
