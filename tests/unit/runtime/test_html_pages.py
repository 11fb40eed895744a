"""Pages escape what comes from data and fail on a name that nobody gave."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from teacherspec.runtime.html_pages import inline_markdown, inline_picture, page_templates


def test_inline_markdown_becomes_elements_and_nothing_else_does() -> None:
    assert inline_markdown("**now** `a|b` <img>") == "<strong>now</strong> <code>a|b</code> &lt;img&gt;"
    assert inline_markdown("**`x`**: y") == "<strong><code>x</code></strong>: y"


def test_text_is_escaped_and_markdown_is_a_filter(tmp_path: Path) -> None:
    (tmp_path / "page.j2").write_text("{{ name }} {{ name|inline_markdown }} {{ name|loud }}")
    page = page_templates(tmp_path, {"loud": str.upper}).get_template("page.j2")
    assert page.render(name="`<b>`") == "`&lt;b&gt;` <code>&lt;b&gt;</code> `&lt;B&gt;`"


def test_an_unknown_name_in_a_template_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.j2").write_text("{{ name }}")
    with pytest.raises(UndefinedError):
        page_templates(tmp_path, {}).get_template("page.j2").render()


@pytest.mark.parametrize(("content", "kind"), [(b"\x89PNG\r\n", "png"), (b"\xff\xd8\xff", "jpeg")])
def test_a_picture_states_its_format(content: bytes, kind: str) -> None:
    assert inline_picture(content).startswith(f"data:image/{kind};base64,")
