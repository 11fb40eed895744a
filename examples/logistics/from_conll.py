"""Files of columns, as CoNLL and many annotation tools write them, as rows for `task.rows: tokens`.

    python examples/logistics/from_conll.py eng.train > data/conll/train.jsonl

A line is a token with its columns, a blank line ends a row; the first column is the token, the last its tag.
Lines of `-DOCSTART-` are left out. For tags in IOB1, as in the files of CoNLL-2003, declare
`task.invalid_tags: repair`.
"""

import json
import sys
from collections.abc import Iterable, Iterator


def rows(lines: Iterable[str], name: str, token: int = 0, tag: int = -1) -> Iterator[dict[str, list[str]]]:
    """Each row of a file.

    Args:
        lines: of the file.
        name: for messages.
        token: column of the token.
        tag: column of its tag.

    Raises:
        ValueError: a line has one column only, naming it.
    """
    tokens: list[str] = []
    tags: list[str] = []
    for number, line in enumerate(lines, start=1):
        columns = line.split()
        if columns and columns[0] == "-DOCSTART-":
            continue
        if len(columns) == 1:
            raise ValueError(f"{name}:{number}: one column, {columns[0]!r}; a token needs a tag after it")
        if columns:
            tokens.append(columns[token])
            tags.append(columns[tag])
        elif tokens:
            yield {"tokens": tokens, "tags": tags}
            tokens, tags = [], []
    if tokens:
        yield {"tokens": tokens, "tags": tags}


def main(path: str) -> None:
    """Print the rows of a file as JSON lines."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a path given on the command line
        try:
            for row in rows(file, path):
                print(json.dumps(row, ensure_ascii=False))
        except ValueError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1])
