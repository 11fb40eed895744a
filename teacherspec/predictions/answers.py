"""What the model answered to prompts, as human evaluation reads it: the border to whoever generates text.

`evaluate` of a task that generates text leaves `artifacts/evaluate/answers/test.parquet`, one row a prompt:

| column | type | holds |
|---|---|---|
| `id` | string | id of the row, no two the same |
| `prompt` | string | what was asked, as a person reads it (turns of a conversation written out) |
| `references` | list of strings | right answers, the first one the best; may be empty |
| `text` | string | what the fine-tuned model answers, decoded, without stop tokens |
| `base_text` | string or null | what the untrained base answers; null where it was not asked |
| `pictures` | list of bytes | optional: small copies of the images asked about, PNG or JPEG |

Further columns are for others. Human evaluation (`teacherspec/ratings/`) needs nothing else of a task.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from teacherspec.errors import DataError

FILE = Path("answers/test.parquet")
"""Where they are in the folder that `evaluate` writes."""

COLUMNS = ("id", "prompt", "references", "text", "base_text")
"""What is read, in the order of the fields of `Answered`."""

PICTURES = "pictures"
"""The column that only rows with images have."""


@dataclass(frozen=True)
class Answered:
    """A prompt and what was answered.

    Attributes:
        id: of the row.
        prompt: what was asked.
        references: right answers, the first one the best.
        answer: of the teacher.
        base_answer: of the untrained base; None where it was not asked.
        pictures: small copies of the images asked about, PNG or JPEG.
    """

    id: str
    prompt: str
    references: tuple[str, ...]
    answer: str
    base_answer: str | None
    pictures: tuple[bytes, ...] = ()


def load_answers(evaluated: Path) -> list[Answered]:
    """Read the answers to the test prompts.

    Args:
        evaluated: folder that `evaluate` left.

    Raises:
        DataError: there are none, a column is missing, or two rows bear one id.
    """
    import pyarrow.parquet as pq

    path = evaluated / FILE
    if not path.is_file():
        raise DataError(f"{path}: not found; `dvc repro evaluate` writes it for tasks that generate text")
    there = pq.read_schema(path).names
    absent = [name for name in COLUMNS if name not in there]
    if absent:
        raise DataError(f"{path}: has no column {', '.join(absent)}; run `dvc repro evaluate` again")
    shown = [PICTURES] if PICTURES in there else []
    columns = pq.read_table(path, columns=[*COLUMNS, *shown]).to_pydict()
    if twice := sorted(name for name, times in Counter(columns["id"]).items() if times > 1):
        raise DataError(f"{path}: the ids {twice} are given more than once; run `dvc repro evaluate` again")
    return [
        Answered(name, prompt, tuple(references or ()), answer, base, *(tuple(one or ()) for one in pictures))
        for name, prompt, references, answer, base, *pictures in zip(*columns.values(), strict=True)
    ]
