"""How well a dual encoder retrieves before fine-tuning."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.errors import BaseModelError, DataError
from teacherspec.inference.retrieval import predict_pairs
from teacherspec.metrics.scores.intervals import wilson_interval
from teacherspec.metrics.scores.retrieval import (
    RECALLED,
    SMALLEST_CANDIDATE_SET,
    Paired,
    image_to_text,
    largest_candidate_set,
)
from teacherspec.splits import Prepared, open_split
from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    import numpy.typing as npt
    from datasets import Dataset

EMBEDDED_ROWS = 1_000
EMBEDDED_AT_ONCE = 32

SAME_DISTANCE = 1e-5
"""Distance of two embeddings of length 1 below which they are the same."""


def measure_baseline(
    task: Kind, model: Any, processor: Any, train: "Dataset", validation: "Dataset"
) -> dict[str, Any]:
    """Recall in both directions on a sample of validation rows, with the recall of a random order.

    Args:
        task: the declared task.
        model: the base.
        processor: of the base.
        train: only counted.
        validation: the rows that are embedded.

    Raises:
        BaseModelError: the base gives all images, or all texts, the same embedding.
    """
    rows = sample(validation, EMBEDDED_ROWS, SEED)
    found = predict_pairs(task, model, processor, rows, EMBEDDED_AT_ONCE)
    refuse_one_embedding(found.pairs)
    measured: dict[str, Any] = {"train_rows": len(train), "measured_on": len(rows)}
    for name, pairs in (("image_to_text", found.pairs), ("text_to_image", found.pairs.swapped())):
        ranks = image_to_text(pairs)
        measured[name] = {"queries": len(ranks.rank), "candidates": ranks.candidates}
        for k in RECALLED:
            hits = int(np.count_nonzero(ranks.rank <= k))
            measured[name][f"recall_at_{k}"] = asdict(wilson_interval(hits, len(ranks.rank)))
            measured[name][f"chance_at_{k}"] = ranks.chance(k)
    return measured


def refuse_splits(task: Kind, prepared: Prepared) -> None:
    """Refuse splits without wrong candidates, in which nothing can be compared, before anything is trained.

    Raises:
        DataError: in some split all texts belong to one image, or all images to one text.
    """
    schema = task.row_schema()
    (image,), (text,) = schema.content, schema.answers
    problems = []
    for split in prepared.splits.values():
        rows = open_split(split)
        nothing = np.zeros((len(rows), 0), np.float32)
        numbers = [_numbers(rows, column) for column in (image, text)]
        if largest_candidate_set(Paired(nothing, nothing, *numbers)) < SMALLEST_CANDIDATE_SET:
            problems.append(
                f"prepare: split {split.name}: every text belongs to one image, or every image to one text; "
                "there are no wrong candidates in it. Give it more rows"
            )
    if problems:
        raise DataError(problems)


def _numbers(rows: "Dataset", column: Column) -> "npt.NDArray[np.int64]":
    """`[N]` numbers of the values, equal where `prepare` takes them for equal."""
    keys: dict[bytes, int] = {}
    values = rows.select_columns([column.name])
    return np.array([keys.setdefault(column.key(row[column.name]), len(keys)) for row in values], np.int64)


def refuse_one_embedding(pairs: Paired) -> None:
    """Refuse a base whose embeddings do not depend on the image or the text. Raises `BaseModelError`."""
    columns = {"images": (pairs.images, pairs.image_of), "texts": (pairs.texts, pairs.text_of)}
    problems = [
        f"base: all {name} have the same embedding; for texts compare text_config.eos_token_id of "
        "config.json with the tokenizer's end token, and task.max_length with their lengths; or choose "
        "another base"
        for name, (vectors, numbers) in columns.items()
        if len(np.unique(numbers)) > 1 and np.linalg.norm(vectors - vectors[0], axis=1).max() < SAME_DISTANCE
    ]
    if problems:
        raise BaseModelError(problems)


def describe_baseline(untrained: Mapping[str, Any]) -> Iterator[str]:
    """The recalls as a table."""
    yield "## Untrained\n"
    rows = untrained["measured_on"]
    yield f"Retrieval by the base among {rows} validation rows. Fine-tuning must beat this.\n"
    yield "| | candidates | recall at 1 | 5 | 10 | at 1 by chance |"
    yield "|---|--:|--:|--:|--:|--:|"
    for name in ("image_to_text", "text_to_image"):
        found = untrained[name]
        recalls = [found[f"recall_at_{k}"] for k in RECALLED]
        cells = [f"{one['value']:.3f} ({one['low']:.3f}–{one['high']:.3f})" for one in recalls]
        chance = f"{found['chance_at_1']:.4f}"
        yield f"| {' | '.join([name.replace('_', ' '), str(found['candidates']), *cells, chance])} |"
    yield ""


def headline(untrained: Mapping[str, Any]) -> str:
    """The recall to beat."""
    found = untrained["image_to_text"]
    return (
        f"untrained recall at 1 {found['recall_at_1']['value']:.3f} of {found['candidates']} texts "
        f"(by chance {found['chance_at_1']:.3f})"
    )
