"""Texts that act where they are shown if nobody prevents it, and readers that see whether they do."""

from html.parser import HTMLParser

from markdown_it import MarkdownIt

BEACON = "![b](https://evil.example/beacon.png) @maintainer"
TAG = "<img src=x onerror=alert(1)>"
LINK = "[a](javascript:alert(1)) https://evil.example www.evil.example"
QUOTES = "`x` </code> ``y`` <b>@org/team</b> | cell"
TEXTS = (BEACON, TAG, LINK, QUOTES)


class _Live(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._codes = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._codes += tag == "code"
        if tag in {"img", "a", "b", "script", "iframe"}:
            self.found.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._codes -= tag == "code"

    def handle_data(self, data: str) -> None:
        if not self._codes and ("@" in data or "evil.example" in data or "javascript:" in data):
            self.found.append(data)


def live_in_html(page: str) -> list[str]:
    """Links, images and bold text of a page, and mentions and addresses outside code."""
    reader = _Live()
    reader.feed(page)
    return reader.found


def live_in_markdown(text: str) -> list[str]:
    """The same of Markdown with tables, HTML allowed."""
    return live_in_html(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
