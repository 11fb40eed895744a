"""All broken data in one table.

`python -m tests.unit.prepare.bad_data` writes it to `docs/bad-data.md`.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.unit.prepare.bad_images import IMAGES
from tests.unit.prepare.bad_inputs import CASES as TEXTS
from tests.unit.prepare.bad_inputs import Case

TABLE = Path(__file__).parents[3] / "docs" / "bad-data.md"
CASES = [*TEXTS, *IMAGES]


BESIDE = {
    "permission": "data/rows.jsonl: cannot be read: Permission denied",
    "meanwhile": "data/rows.jsonl: changed while it was read; run again",
    "offline": "somebody/nothing@000000000000/train: cannot be opened: ",
}
"""What is said where no file alone is broken; tested one by one."""


def render() -> str:
    """The table of all cases as Markdown."""
    head = (
        "# Broken data and what `prepare` says\n\n"
        "Every line is a test. All problems of all files are told at once (the first 20 and how many more);\n"
        "nothing is written, and earlier splits stay as they were.\n\n"
        "| input | message | exit |\n|---|---|---:|\n"
    )
    rows = []
    for one in CASES:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(table_row(one, *one.ends(Path(folder) / "repository")))
    beside = (
        "\nAnd where a file alone is not to blame: without permission "
        f"`{BESIDE['permission']}`,\nafter a write by somebody else `{BESIDE['meanwhile']}`,\n"
        f"without a network `{BESIDE['offline']}…`.\n"
    )
    return head + "".join(rows) + beside


def table_row(one: Case, code: int, problems: Sequence[str]) -> str:
    """One line of the table."""
    message = problems[0].replace("|", "\\|").replace("`", "'")
    return f"| {one.title} | `{message}` | {code} |\n"


if __name__ == "__main__":
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(render())
