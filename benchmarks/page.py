"""The page of a benchmark: a README whose tables are written by its command."""

from pathlib import Path


def fill(page: Path, name: str, lines: list[str]) -> None:
    """Put lines between the markers `<!-- name -->` and `<!-- /name -->` of a page.

    Raises:
        ValueError: the page has no such markers, or several.
    """
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = page.read_text(encoding="utf-8").split(start)
    _, after = rest.split(end)
    body = "\n".join(lines)
    page.write_text(f"{before}{start}{body}\n{end}{after}", encoding="utf-8")
