"""Soft targets of tokens: the top-k log-probabilities of every position whose next token is supervised."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.package.provenance.content_hash import content_sha256
from teacherspec.splits import Split
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.text.topk_logits import SCALARS, TopK, draw_tokens, reduce_logits

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_BATCH = 8

CHOICES = (8, 16, 32, 64)
"""Values of k among which one is chosen."""

LARGEST_TAIL = 0.01
"""Mean probability of all other tokens that the chosen k leaves."""

TRIED_ROWS = 64
"""Rows, evenly spread, on which k is chosen."""


@dataclass(frozen=True)
class StoredTokens:
    """What is stored of each position.

    Attributes:
        k: likeliest tokens.
        draws: tokens drawn from the whole distribution; 0 for none.
    """

    k: int
    draws: int = 0


def token_rows(
    task: GenerationTask, model: Any, tokenizer: Any, rows: Any, stored: StoredTokens
) -> Iterator[list[dict[str, Any]]]:
    """The rows of a data set with their targets, a batch at a time, in their order.

    A row's draws depend on its id alone, not on its place or on the other rows.
    """
    import torch

    encoded = task.encode(tokenizer, rows)
    collate = task.collate(tokenizer)
    with torch.inference_mode():
        for start in range(0, len(rows), ROWS_PER_BATCH):
            examples = [encoded[at] for at in range(start, min(start + ROWS_PER_BATCH, len(rows)))]
            batch = {name: tensor.to(model.device) for name, tensor in collate(examples).items()}
            labels = batch.pop("labels")[0, 1:]
            logits = task.logits(model, batch)
            positions = [predicting_positions(example["supervised"]) for example in examples]
            sizes = [len(places) for places in positions]
            reduced = reduce_logits(logits, labels, stored.k)
            columns = zip(*(torch.split(column.cpu(), sizes) for column in reduced), strict=True)
            targets = []
            for at, (column, own) in enumerate(zip(columns, torch.split(logits, sizes), strict=True)):
                row = {
                    "id": rows[start + at]["id"],
                    "input_ids": examples[at]["input_ids"],
                    "completion_mask": examples[at]["supervised"],
                    "positions": positions[at],
                    **{name: part.numpy() for name, part in zip(TopK._fields, column, strict=True)},
                }
                if stored.draws:
                    generator = torch.Generator().manual_seed(_seed(row["id"]))
                    pairs = draw_tokens(own.cpu(), stored.draws, generator)
                    row["sampled_ids"] = [ids for ids, _ in pairs]
                    row["sampled_counts"] = [counts for _, counts in pairs]
                targets.append(row)
            yield targets


def predicting_positions(supervised: Sequence[int]) -> list[int]:
    """Positions whose next token is supervised; nothing predicts the first token."""
    return [at - 1 for at, learned in enumerate(supervised) if learned and at > 0]


def _seed(row_id: str) -> int:
    return int.from_bytes(hashlib.sha256(row_id.encode()).digest()[:7], "big")


def choose_k(task: GenerationTask, model: Any, tokenizer: Any, rows: Any, vocabulary: int) -> int:
    """The smallest of `CHOICES` with a mean tail of at most 1 % on some rows, else the largest."""
    tried = np.unique(np.linspace(0, len(rows) - 1, TRIED_ROWS).round().astype(int))
    allowed = [k for k in CHOICES if k < vocabulary] or [vocabulary - 1]
    stored = StoredTokens(allowed[-1])
    values = [
        np.exp(row["top_values"].astype(np.float64))
        for targets in token_rows(task, model, tokenizer, rows.select(tried.tolist()), stored)
        for row in targets
    ]
    probs = np.concatenate(values)
    for k in allowed:
        if 1.0 - probs[:, :k].sum(axis=1).mean() <= LARGEST_TAIL:
            return k
    return allowed[-1]


def token_schema(rows: Any, content: Sequence[str], stored: StoredTokens) -> "pa.Schema":
    """The columns of `soft_targets.write_token_targets`, for rows with these content columns."""
    import pyarrow as pa

    existing = rows.features.arrow_schema
    integers = pa.list_(pa.list_(pa.int32()))
    drawn = [("sampled_ids", integers), ("sampled_counts", integers)] if stored.draws else []
    return pa.schema(
        [
            ("id", pa.string()),
            *((name, existing.field(name).type) for name in content),
            ("content_sha256", pa.string()),
            ("input_ids", pa.list_(pa.int32())),
            ("completion_mask", pa.list_(pa.int8())),
            ("positions", pa.list_(pa.int32())),
            ("token_ids", integers),
            ("top_values", pa.list_(pa.list_(pa.float16()))),
            *((name, pa.list_(pa.float32())) for name in SCALARS),
            *drawn,
            ("in_teacher_train", pa.bool_()),
        ]
    )


def token_tables(
    batches: Iterator[list[dict[str, Any]]],
    split: Split,
    rows: Any,
    content: Sequence[str],
    schema: "pa.Schema",
) -> "Iterator[pa.Table]":
    """The targets of `token_rows` with the content of their rows, as tables of bounded size."""
    import pyarrow as pa

    start = 0
    for targets in batches:
        for at, target in enumerate(targets):
            contents = [rows[start + at][name] for name in content]
            target.update(zip(content, contents, strict=True))
            target["content_sha256"] = content_sha256(contents)
            target["in_teacher_train"] = split.role == "train"
            for name in ("token_ids", "top_values"):
                target[name] = list(target[name])
        start += len(targets)
        yield pa.table({name: [target[name] for target in targets] for name in schema.names}, schema=schema)
