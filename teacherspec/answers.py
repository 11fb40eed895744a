"""What a model answered to prompts: the border between the stage that asks it and whoever judges the answers.

`evaluate` of a task that generates text writes `artifacts/evaluate/answers.parquet` with `save_answers`, one
row a prompt of the test split, in its order:

| column | type | holds |
|---|---|---|
| `id` | string | id of the row, no two the same |
| `prompt` | string | what was asked, as a person reads it (turns of a conversation written out) |
| `references` | list of strings | right answers, the first one the best; may be empty |
| `answer` | string | what the fine-tuned model answers, decoded, without stop tokens |
| `base_answer` | string or null | what the untrained base answers; null where it was not asked |

Human evaluation (`teacherspec/ratings/`) needs nothing else of a task.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from teacherspec.errors import DataError
from teacherspec.files import write_parquet

FILE = "answers.parquet"
"""Name of the file in the folder that `evaluate` writes."""


@dataclass(frozen=True)
class Answered:
    """A prompt and what was answered; the fields are the columns of the file."""

    id: str
    prompt: str
    references: tuple[str, ...]
    answer: str
    base_answer: str | None


def save_answers(folder: Path, answers: Sequence[Answered]) -> None:
    """Write `answers.parquet` into `folder`.

    Raises:
        ValueError: two answers bear one id.
    """
    import pyarrow as pa

    if twice := _twice(answers):
        raise ValueError(f"answers: the ids {twice} are given more than once")
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("prompt", pa.string()),
            ("references", pa.list_(pa.string())),
            ("answer", pa.string()),
            ("base_answer", pa.string()),
        ]
    )
    rows = [{**vars(one), "references": list(one.references)} for one in answers]
    write_parquet(folder / FILE, pa.Table.from_pylist(rows, schema=schema))


def load_answers(folder: Path) -> list[Answered]:
    """Read `answers.parquet` of `folder`.

    Raises:
        DataError: there is none, it lacks a column, or two rows bear one id.
    """
    import pyarrow.parquet as pq

    path = folder / FILE
    if not path.is_file():
        raise DataError(f"{path}: not found; `dvc repro evaluate` writes it for tasks that generate text")
    columns = list(Answered.__dataclass_fields__)
    absent = [name for name in columns if name not in pq.read_schema(path).names]
    if absent:
        raise DataError(f"{path}: has no column {', '.join(absent)}; run `dvc repro evaluate` again")
    rows = pq.read_table(path, columns=columns).to_pylist()
    answers = [Answered(**{**row, "references": tuple(row["references"] or ())}) for row in rows]
    if twice := _twice(answers):
        raise DataError(f"{path}: the ids {twice} are given more than once; run `dvc repro evaluate` again")
    return answers


def _twice(answers: Sequence[Answered]) -> list[str]:
    return sorted(name for name, times in Counter(one.id for one in answers).items() if times > 1)
