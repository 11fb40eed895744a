"""`teacherspec predict DIR [FILE]`."""

import codecs
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from teacherspec.errors import DataError
from teacherspec.runtime.atomic_io import round_floats
from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.escaping import printable_json
from teacherspec.tasks.shared.columns.base import ColumnError
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.interfaces.declaration import OutputType

if TYPE_CHECKING:
    from teacherspec.serving.classification import ClassificationTeacher
    from teacherspec.serving.generation import GenerationTeacher
    from teacherspec.serving.multi_label import MultiLabelTeacher
    from teacherspec.serving.regression import RegressionTeacher
    from teacherspec.serving.retrieval import RetrievalTeacher
    from teacherspec.serving.tagging import TaggingTeacher

DIGITS = 6
BATCHES_OF_A_FILE = 64
"""Batches whose rows are sorted by length together: little padding is left, and the first lines come soon."""


@click.command("predict")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("rows", metavar="[FILE]", type=click.File("rb"), default="-")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    help="Rows per forward pass, at most; default: 64 of a classifier or tagger, 32 of others.",
)
@click.option("--max-new-tokens", type=click.IntRange(1), help="Longest answer; default: as in evaluation.")
@click.option("--unchecked", is_flag=True, help="Go without the checks of files, checksums and metadata.")
@report_user_errors()
def command(
    folder: Path, rows: BinaryIO, batch_size: int | None, max_new_tokens: int | None, unchecked: bool
) -> None:
    """Print calibrated predictions of the teacher package in DIR for rows of FILE (stdin by default).

    A row is a JSON object on one line with the columns of the task, such as {"text": "…"}, {"prompt": "…"},
    {"messages": [{"role": "user", "content": "…"}]} or, by the path of a file, {"image": "photo.jpg"}. An
    `id` is copied to the output. Each row gives a line, in the same order: from a pipe as soon as a batch
    is full; of a file some thousand rows are read at once, so that rows of similar length share a batch.
    Classifiers: label, confidence, all probs, and with `calibrate.abstain` whether the teacher abstains.
    Of rows with several labels: those that reach their threshold, and the probability of each.
    Language models: the greedy answer, its length, the mean calibrated log-probability of its tokens (nats),
    and the confidence that it is right, where that was fitted. Regression: the score and its interval.
    Retrieval: the embedding of the image and, if the row has a text, that of the text and their cosine.
    Entities: start, end, label, text and confidence of each, offsets in characters; of tokens also the first
    and the one after the last.
    """
    from teacherspec.serving import load_teacher

    teacher = load_teacher(folder, unchecked=unchecked)
    batch_size = batch_size or BATCH_SIZES[teacher.task.output_type]
    answer = SERVED[teacher.task.output_type](teacher, batch_size, max_new_tokens)
    read = read_rows(rows, getattr(rows, "name", "<stdin>"), teacher.task.row_schema())
    at_once = batch_size * (BATCHES_OF_A_FILE if rows.seekable() else 1)
    for some in in_lists(read, at_once):
        for row, prediction in zip(some, answer(some), strict=True):
            known = {"id": row["id"]} if "id" in row else {}
            click.echo(printable_json(json.dumps({**known, **prediction}, ensure_ascii=False)))


def read_rows(lines: Iterable[bytes], name: str, fields: RowSchema) -> Iterator[dict[str, Any]]:
    """Rows of a JSONL file in UTF-8, blank lines and a byte order mark skipped.

    Raises:
        DataError: at the first line that holds no row of the task, naming it.
    """
    for number, line in enumerate(lines, start=1):
        content = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        if content.strip():
            yield _row(content, f"{name}:{number}", fields)


def in_lists(rows: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    """Rows, `size` at once; those before a line that holds no row come before its `DataError`."""
    some: list[dict[str, Any]] = []
    try:
        for row in rows:
            some.append(row)
            if len(some) == size:
                yield some
                some = []
    except DataError:
        if some:
            yield some
        raise
    if some:
        yield some


def _row(line: bytes, where: str, fields: RowSchema) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        byte = f"byte {error.start + 1} of the line is 0x{line[error.start]:02x}"
        raise DataError(f"{where}: is not UTF-8 ({byte}); save the file as UTF-8") from error
    except ValueError as error:
        raise DataError(f"{where}: is not JSON ({error}); give one object per line") from error
    if not isinstance(row, dict):
        raise DataError(f'{where}: is not a JSON object; give one per line, such as {{"text": "…"}}')
    problems = []
    for field in fields.content:
        given = next((name for name in (field.name, field.source_column) if name in row), None)
        try:
            row[field.name] = field.from_request(None if given is None else row[given])
        except ColumnError as error:
            columns = ", ".join(map(repr, row)) or "nothing"
            problem = error if given else f"is missing (the row has {columns}); rename or add it"
            problems.append(f"{where}: {given or field.name}: {problem}")
    if problems:
        raise DataError(problems)
    return row


def serve_classes(teacher: "ClassificationTeacher", batch_size: int, max_new_tokens: int | None) -> "Answer":
    """From rows to `label`, `confidence`, `probs` by label of each, and `abstains` where that is declared."""
    if max_new_tokens is not None:
        raise click.UsageError("--max-new-tokens: this teacher is a classifier, which writes no answers")

    def answer(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        logits = teacher.logits(rows, batch_size=batch_size)
        abstained = teacher.abstains(logits).tolist()
        for probs, abstains in zip(teacher.calibrated(logits).tolist(), abstained, strict=True):
            top = max(range(len(probs)), key=probs.__getitem__)
            by_label = {name: round(p, DIGITS) for name, p in zip(teacher.label_names, probs, strict=True)}
            yield {
                "label": teacher.label_names[top],
                "confidence": round(probs[top], DIGITS),
                **({} if teacher.abstention is None else {"abstains": abstains}),
                "probs": by_label,
            }

    return answer


def serve_labels(teacher: "MultiLabelTeacher", batch_size: int, max_new_tokens: int | None) -> "Answer":
    """From rows to the `labels` of each that reach their threshold, and `probs` by label."""
    if max_new_tokens is not None:
        raise click.UsageError("--max-new-tokens: this teacher predicts labels and writes no answers")

    def answer(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        probs = teacher.probs(rows, batch_size=batch_size)
        for labels, own in zip(teacher.predicted(probs), probs.tolist(), strict=True):
            by_label = {name: round(p, DIGITS) for name, p in zip(teacher.label_names, own, strict=True)}
            yield {"labels": labels, "probs": by_label}

    return answer


def serve_answers(teacher: "GenerationTeacher", batch_size: int, max_new_tokens: int | None) -> "Answer":
    """From rows to the answer of each and its confidence."""

    def answer(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for found in teacher.answers(rows, max_new_tokens=max_new_tokens, batch_size=batch_size):
            text = {"answer": found.text, "tokens": found.tokens, "stopped": found.stopped}
            yield {
                **text,
                **round_floats({"log_prob": found.log_prob, "confidence": found.confidence}, DIGITS),
            }

    return answer


def serve_embeddings(teacher: "RetrievalTeacher", batch_size: int, max_new_tokens: int | None) -> "Answer":
    """From rows to `image_embeds`, and with a text to `text_embeds` and the `cosine` of both."""
    if max_new_tokens is not None:
        raise click.UsageError("--max-new-tokens: this teacher is a dual encoder, which writes no answers")

    def answer(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        images = teacher.images([row["image"] for row in rows], batch_size=batch_size)
        given = [row["text"] for row in rows if "text" in row]
        try:
            texts = iter(teacher.texts(given, batch_size=batch_size))
        except ColumnError as error:
            raise DataError(f"text: {error}") from error
        for row, image in zip(rows, images, strict=True):
            found: dict[str, Any] = {"image_embeds": image.tolist()}
            if "text" in row:
                text = next(texts)
                found |= {"text_embeds": text.tolist(), "cosine": float(image @ text)}
            yield round_floats(found, DIGITS)

    return answer


def serve_scores(teacher: "RegressionTeacher", batch_size: int, max_new_tokens: int | None) -> "Answer":
    """From rows to the calibrated `score` of each, and the `interval` around it where one was fitted."""
    if max_new_tokens is not None:
        raise click.UsageError("--max-new-tokens: this teacher gives scores and writes no answers")
    radius = teacher.interval.radius

    def answer(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for score in teacher.scores(rows, batch_size=batch_size).tolist():
            ends = {} if radius is None else {"interval": [score - radius, score + radius]}
            yield round_floats({"score": score, **ends}, DIGITS)

    return answer


def serve_entities(teacher: "TaggingTeacher", batch_size: int, max_new_tokens: int | None) -> "Answer":
    """From rows to the entities of each, and how many words the model did not read, where there are any."""
    if max_new_tokens is not None:
        raise click.UsageError("--max-new-tokens: this teacher finds entities and writes no answers")

    def answer(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for row, tagged in zip(rows, teacher.probs(rows, batch_size=batch_size), strict=True):
            found = []
            for one in teacher.entities_of(row, tagged):
                at = {"first": one.first, "last": one.last} if "tokens" in row else {}
                shown = {"start": one.start, "end": one.end, **at, "label": one.label, "text": one.text}
                found.append({**shown, "confidence": round(one.confidence, DIGITS)})
            unread = int((~tagged.read).sum())
            yield {"entities": found, **({"words_unread": unread} if unread else {})}

    return answer


Answer = Callable[[list[dict[str, Any]]], Iterator[dict[str, Any]]]
"""From rows to the prediction for each."""

BATCH_SIZES: Mapping[OutputType, int] = {
    "classification": 64,
    "multi_label": 64,
    "regression": 64,
    "retrieval": 32,
    "generation": 32,
    "tagging": 64,
}
"""Output type → rows per forward pass, unless another number is given."""

SERVED: Mapping[OutputType, Callable[[Any, int, int | None], Answer]] = {
    "classification": serve_classes,
    "multi_label": serve_labels,
    "regression": serve_scores,
    "retrieval": serve_embeddings,
    "generation": serve_answers,
    "tagging": serve_entities,
}
"""Output type → from a teacher, `--batch-size` and `--max-new-tokens` to its predictions."""
