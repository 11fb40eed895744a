"""`python -m teacherspec predict DIR [FILE]`."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from teacherspec.door import plain_errors
from teacherspec.errors import DataError
from teacherspec.tasks.fields import FieldError, RowFields

if TYPE_CHECKING:
    from teacherspec.teacher import Teacher

DIGITS = 6


@click.command("predict")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("rows", metavar="[FILE]", type=click.File(encoding="utf-8"), default="-")
@click.option(
    "--batch-size", type=click.IntRange(1), default=32, show_default=True, help="Rows a forward pass."
)
@plain_errors()
def command(folder: Path, rows: TextIO, batch_size: int) -> None:
    """Calibrated probabilities of the teacher package in DIR for rows of FILE (stdin by default).

    A row is a JSON object a line with the columns of the task, such as {"text": "…"} or, by the path of a
    file, {"image": "photo.jpg"}; `id`, if there, is repeated. Each row gives a line with its label,
    confidence and all probs, in the same order, as soon as its batch is full.
    """
    from teacherspec.teacher import load_teacher

    teacher = load_teacher(folder)
    read = read_rows(rows, rows.name, teacher.task.row_fields())
    while batch := list(islice(read, batch_size)):
        for answer in answers(teacher, batch):
            click.echo(json.dumps(answer, ensure_ascii=False))


def read_rows(lines: Iterable[str], name: str, fields: RowFields) -> Iterator[dict[str, Any]]:
    """Rows of a JSONL file, blank lines skipped.

    Raises:
        DataError: at the first line that holds no row of the task, naming it.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _row(line, f"{name}:{number}", fields)


def _row(line: str, where: str, fields: RowFields) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: is not JSON ({error}); give one object a line") from error
    if not isinstance(row, dict):
        raise DataError(f'{where}: is not a JSON object; give one a line, such as {{"text": "…"}}')
    problems = []
    for field in fields.content:
        try:
            row[field.name] = field.read(field.from_json(row.get(field.name)))
        except FieldError as error:
            problems.append(f"{where}: {field.name}: {error}")
    if problems:
        raise DataError(problems)
    return row


def answers(teacher: "Teacher", rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What is said of each row: `id` where it has one, `label`, `confidence`, `probs` by label."""
    for row, probs in zip(rows, teacher.probs(rows, batch_size=len(rows)).tolist(), strict=True):
        top = max(range(len(probs)), key=probs.__getitem__)
        known = {"id": row["id"]} if "id" in row else {}
        by_label = {name: round(p, DIGITS) for name, p in zip(teacher.label_names, probs, strict=True)}
        yield {
            **known,
            "label": teacher.label_names[top],
            "confidence": round(probs[top], DIGITS),
            "probs": by_label,
        }
