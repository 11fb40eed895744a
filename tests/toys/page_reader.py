"""A reader of the page of a teacher: its tags, its words, and the reported numbers that it shows."""

from html.parser import HTMLParser

VOID = frozenset({"br", "img", "input", "meta"})


class PageReader(HTMLParser):
    """What a page holds.

    Attributes:
        open: tags that are not closed; empty after a well-formed page.
        tags: every tag with its attributes.
        words: all text outside of style and scripts.
        shown: dotted name of a metric → (`data-value`, text of its element), for each place that shows it.
        scripts: content of each script without a type.
        style: content of the style.
    """

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.shown: list[tuple[str, float, str]] = []
        self.scripts: list[str] = []
        self.style = ""
        self._metrics: list[tuple[str, float, int, int]] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag in VOID:
            return
        self.open.append(tag)
        if found.get("data-metric") is not None and "data-value" in found:
            name, value = str(found["data-metric"]), float(str(found["data-value"]))
            self._metrics.append((name, value, len(self.open), len(self.words)))
        if tag == "script" and "type" not in found:
            self.scripts.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1] == tag, f"{tag} closes {self.open[-1]}"
        if self._metrics and self._metrics[-1][2] == len(self.open):
            name, value, _, start = self._metrics.pop()
            self.shown.append((name, value, self.words[start:].strip()))
        self.open.pop()
        self.words += " "

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        elif self.open and self.open[-1] == "script":
            if "type" not in self.tags[-1][1]:
                self.scripts[-1] += data
        else:
            self.words += data

    def attributes(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [value or "" for _, found in self.tags for key, value in found.items() if key == name]
