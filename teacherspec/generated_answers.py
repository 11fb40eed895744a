"""Answers of teacher and base to the test prompts, as human evaluation reads them.

For generation, `evaluate` writes `artifacts/evaluate/answers/test.parquet`, one row a prompt:

| column | type | holds |
|---|---|---|
| `id` | string | id of the row, no two the same |
| `prompt` | string | the prompt as a person reads it (turns of a conversation with their roles) |
| `references` | list of strings | right answers, the first one the best; may be empty |
| `text` | string | answer of the fine-tuned model, decoded, without stop tokens |
| `base_text` | string or null | answer of the untrained base; null where there is none |
| `pictures` | list of bytes | optional: small copies of the images of the prompt, PNG or JPEG |

Other columns are ignored. Human evaluation (`teacherspec/ratings/`) needs nothing else of a task.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from teacherspec.errors import DataError

FILE = Path("answers/test.parquet")
"""Their place in the folder that `evaluate` writes."""

COLUMNS = ("id", "prompt", "references", "text", "base_text")
"""The columns that are read, in the order of the fields of `AnswerPair`."""

PICTURES = "pictures"
"""The column that only rows with images have."""


@dataclass(frozen=True)
class AnswerPair:
    """A prompt and the answers of teacher and base to it.

    Attributes:
        id: of the row.
        prompt: its text.
        references: right answers, the first one the best.
        answer: of the teacher.
        base_answer: of the untrained base; None where there is none.
        pictures: small copies of the images of the prompt, PNG or JPEG.
    """

    id: str
    prompt: str
    references: tuple[str, ...]
    answer: str
    base_answer: str | None
    pictures: tuple[bytes, ...] = ()


def load_answers(evaluated: Path) -> list[AnswerPair]:
    """Read the answers to the test prompts.

    Args:
        evaluated: folder that `evaluate` left.

    Raises:
        DataError: there are none, a column is missing, or two rows have the same id.
    """
    import pyarrow.parquet as pq

    path = evaluated / FILE
    if not path.is_file():
        raise DataError(f"{path}: not found; `dvc repro evaluate` writes it for tasks that generate text")
    columns = pq.read_schema(path).names
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise DataError(f"{path}: has no column {', '.join(missing)}; run `dvc repro evaluate` again")
    shown = [PICTURES] if PICTURES in columns else []
    values = pq.read_table(path, columns=[*COLUMNS, *shown]).to_pydict()
    if twice := sorted(name for name, times in Counter(values["id"]).items() if times > 1):
        raise DataError(f"{path}: the ids {twice} are given more than once; run `dvc repro evaluate` again")
    return [
        AnswerPair(
            name, prompt, tuple(references or ()), answer, base, *(tuple(one or ()) for one in pictures)
        )
        for name, prompt, references, answer, base, *pictures in zip(*values.values(), strict=True)
    ]
