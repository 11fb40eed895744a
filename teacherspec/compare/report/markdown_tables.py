"""Tables and foldable parts in Markdown."""

from collections.abc import Iterable, Iterator, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; columns whose title ends with a colon hold numbers. Empty where there are no rows."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    if body:
        yield f"| {' | '.join(column.rstrip(':') for column in columns)} |"
        yield f"|{'|'.join('--:' if column.endswith(':') else '---' for column in columns)}|"
        yield from body


def folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines that are shown when the reader opens them."""
    content = list(lines)
    if content:
        yield from ("", f"<details><summary>{title}</summary>", "", *content, "", "</details>", "")
