"""Answers, a sheet drawn from them, and ratings as the page saves them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from teacherspec.generated_answers import COLUMNS, FILE, AnswerPair
from teacherspec.ratings.pair_sampling import Drawn, Opponent, draw, pairs_against
from teacherspec.ratings.sheet_key import Key, encode_key, key_of, save_key, sheet_id
from teacherspec.runtime.atomic_io import write_parquet


def answered(count: int, same: int = 0) -> list[AnswerPair]:
    """`count` rows, on the last `same` of which both answers are equal."""
    rows = [
        AnswerPair(f"row-{i}", f"prompt {i}", (f"expected {i}",), f"good {i}", f"bad {i}")
        for i in range(count)
    ]
    return [
        AnswerPair(row.id, row.prompt, row.references, row.answer, f" {row.answer}\n")
        if i >= count - same
        else row
        for i, row in enumerate(rows)
    ]


def save_answers(evaluated: Path, answers: Sequence[AnswerPair], **more: pa.Array) -> None:
    """What `evaluate` writes of them."""
    values = zip(
        *((one.id, one.prompt, list(one.references), one.answer, one.base_answer) for one in answers),
        strict=True,
    )
    types = (pa.string(), pa.string(), pa.list_(pa.string()), pa.string(), pa.string())
    columns = {
        name: pa.array(column, kind) for name, kind, column in zip(COLUMNS, types, values, strict=True)
    }
    write_parquet(evaluated / FILE, pa.table({**columns, **more}))


class Sheet(NamedTuple):
    """A sheet and its key."""

    drawn: Drawn
    key: Key
    name: str

    def line(self, number: int, better: str, **values: Any) -> dict[str, Any]:
        """A rating of one pair in which `better` is `teacher`, `other`, `tie` or `skip`."""
        item = self.key.items[number]
        away = {"left": "right", "right": "left"}
        preference = {"teacher": item.teacher, "other": away[item.teacher]}.get(better, better)
        return {"sheet": self.name, "item": item.item, "rater": "ana", "preference": preference, **values}


def make_sheet(answers: Sequence[AnswerPair], *, opponent: Opponent = "base", seed: str = "seed") -> Sheet:
    drawn = draw(pairs_against(answers, opponent), 10_000, seed)
    key = key_of(drawn, opponent, seed)
    return Sheet(drawn, key, sheet_id(encode_key(key)))


def write_reviews(folder: Path, sheet: Sheet, **files: Sequence[dict[str, Any]]) -> Path:
    """The key, and a JSONL file of each name."""
    save_key(folder, sheet.key)
    for name, lines in files.items():
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder
