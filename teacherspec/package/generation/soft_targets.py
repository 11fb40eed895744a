"""Soft targets of a language model: the likeliest tokens of every answered position, and the rest in sums.

The model runs once over each split, in memory that does not grow with it. Every finished shard is kept in the
scratch folder until the package is whole, so a kill costs one shard.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.errors import DataError
from teacherspec.inference.load import load_model
from teacherspec.package.checksums import files_below
from teacherspec.package.classification.soft_targets import content_sha256
from teacherspec.package.resumable_shards import CONFIG, write_shards
from teacherspec.package.topk_logits import NUMBERS, Positions, draw_tokens, reduce_logits
from teacherspec.runtime import machine
from teacherspec.runtime.atomic_io import sha256_file, write_text
from teacherspec.runtime.resume_key import loaded_code, run_key
from teacherspec.splits import Split, open_split
from teacherspec.tasks.shared.generation_task import GenerationTask

if TYPE_CHECKING:
    import pyarrow as pa

WORK = Path(".scratch/package")
"""Where shards are kept until the package is whole, a folder each work."""

ROWS_PER_BATCH = 8
ROWS_PER_SHARD = 2_048
"""A multiple of the batch: shards begin where batches do, so work that goes on gives the same bytes."""

CHOICES = (8, 16, 32, 64)
"""Numbers of tokens kept among which one is chosen."""

LARGEST_TAIL = 0.01
"""Mean tail mass that the chosen number keeps."""

TRIED_ROWS = 64
"""Rows, evenly spread, on which it is chosen."""


@dataclass(frozen=True)
class Kept:
    """What is stored of each answered position.

    Attributes:
        k: likeliest tokens.
        draws: tokens drawn from the whole distribution; 0 for none.
    """

    k: int
    draws: int = 0


def token_rows(
    task: GenerationTask, model: Any, tokenizer: Any, rows: Any, kept: Kept
) -> Iterator[list[dict[str, Any]]]:
    """The rows of a data set with their targets, some at a time, in their order.

    A row's draws depend on its id alone, not on its place or its neighbours.
    """
    import torch

    encoded = task.encode(tokenizer, rows)
    collate = task.collate(tokenizer)
    with torch.inference_mode():
        for start in range(0, len(rows), ROWS_PER_BATCH):
            chosen = [encoded[at] for at in range(start, min(start + ROWS_PER_BATCH, len(rows)))]
            batch = {name: tensor.to(model.device) for name, tensor in collate(chosen).items()}
            labels = batch.pop("labels")[0, 1:]
            logits = task.logits(model, batch)
            places = [answered(one["supervised"]) for one in chosen]
            sizes = [len(place) for place in places]
            stored = reduce_logits(logits, labels, kept.k)
            columns = zip(*(torch.split(column.cpu(), sizes) for column in stored), strict=True)
            found = []
            for at, (column, own) in enumerate(zip(columns, torch.split(logits, sizes), strict=True)):
                one = {
                    "id": rows[start + at]["id"],
                    "input_ids": chosen[at]["input_ids"],
                    "completion_mask": chosen[at]["supervised"],
                    "positions": places[at],
                    **{name: part.numpy() for name, part in zip(Positions._fields, column, strict=True)},
                }
                if kept.draws:
                    draw = torch.Generator().manual_seed(_seed(one["id"]))
                    pairs = draw_tokens(own.cpu(), kept.draws, draw)
                    one["sampled_ids"] = [ids for ids, _ in pairs]
                    one["sampled_counts"] = [counts for _, counts in pairs]
                found.append(one)
            yield found


def answered(supervised: Sequence[int]) -> list[int]:
    """Positions whose next token is learned; the first token has nothing before it."""
    return [t - 1 for t, learned in enumerate(supervised) if learned and t > 0]


def _seed(row_id: str) -> int:
    return int.from_bytes(hashlib.sha256(row_id.encode()).digest()[:7], "big")


def choose_k(task: GenerationTask, model: Any, tokenizer: Any, rows: Any, vocabulary: int) -> int:
    """The smallest of `CHOICES` with a mean tail mass of at most 1 % on some rows, else the largest."""
    picked = np.unique(np.linspace(0, len(rows) - 1, TRIED_ROWS).round().astype(int))
    allowed = [k for k in CHOICES if k < vocabulary] or [vocabulary - 1]
    values = [
        np.exp(one["top_values"].astype(np.float64))
        for part in token_rows(task, model, tokenizer, rows.select(picked.tolist()), Kept(allowed[-1]))
        for one in part
    ]
    probs = np.concatenate(values)
    for k in allowed:
        if 1.0 - probs[:, :k].sum(axis=1).mean() <= LARGEST_TAIL:
            return k
    return allowed[-1]


def pack_token_targets(
    task: GenerationTask,
    model_folder: Path,
    splits: Sequence[Split],
    declared_k: int | None,
    draws: int | None,
    target: Path,
) -> dict[str, int]:
    """Write `distill/`: a data set of one configuration, `soft`, that `datasets.load_dataset` opens.

    Columns: `id`; the task's content columns; `content_sha256`; `input_ids` and `completion_mask` `[L]`;
    `positions` `[U]`, such that entry u is the distribution after `input_ids[:positions[u] + 1]`, of the
    token at `positions[u] + 1`; for each of them the fields of `Positions`; with draws `sampled_ids` and
    `sampled_counts`, lists of their own length a position; `in_teacher_train`.

    Args:
        task: the declared task.
        model_folder: `model/` of the package: the targets are what it gives.
        splits: the declared splits.
        declared_k: tokens kept a position, or None to choose.
        draws: tokens drawn a position, or None for none.
        target: folder to create.

    Returns:
        Split name → number of rows.

    Raises:
        DataError: `declared_k` is not below the size of the vocabulary.
    """
    model, tokenizer = load_model(task, model_folder)
    vocabulary = int(model.config.get_text_config().vocab_size)
    if declared_k is not None and declared_k >= vocabulary:
        raise DataError(
            f"package.top_k: given {declared_k}; allowed: below {vocabulary}, the size of the vocabulary"
        )
    k = declared_k or choose_k(task, model, tokenizer, open_split(splits[0]), vocabulary)
    kept = Kept(k, draws or 0)
    work = WORK / _work_key(task, model_folder, splits, kept)
    names = [field.name for field in task.row_schema().content]
    (target / CONFIG).mkdir(parents=True)
    for split in splits:
        rows = open_split(split)
        schema = token_schema(rows, names, kept)

        def parts(start: int, end: int, split: Split = split, rows: Any = rows, schema: Any = schema) -> Any:
            some = rows.select(range(start, end))
            return token_tables(token_rows(task, model, tokenizer, some, kept), split, some, names, schema)

        for path in write_shards(work, split.name, schema, split.rows, ROWS_PER_SHARD, parts):
            _placed(path, target / CONFIG / path.name)
    write_text(target / "README.md", _readme([split.name for split in splits], kept))
    return {split.name: split.rows for split in splits}


def _work_key(task: GenerationTask, model_folder: Path, splits: Sequence[Split], kept: Kept) -> str:
    """Name of the work by all that determines it."""
    return run_key(
        {
            "task": task.model_dump(mode="json"),
            "model": {name: sha256_file(model_folder / name) for name in files_below(model_folder)},
            "splits": {split.name: split.sha256 for split in splits},
            "kept": vars(kept),
            "machine": machine.describe(),
            "code": loaded_code(),
            "libraries": {name: version(name) for name in ("pyarrow", "tokenizers", "torch", "transformers")},
        }
    )


def _placed(source: Path, target: Path) -> None:
    """The same file a second time, without a copy where the file system can."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def token_schema(rows: Any, names: Sequence[str], kept: Kept) -> "pa.Schema":
    """The columns of `pack_token_targets`, for rows with the content columns `names`."""
    import pyarrow as pa

    stored = rows.features.arrow_schema
    integers = pa.list_(pa.list_(pa.int32()))
    drawn = [("sampled_ids", integers), ("sampled_counts", integers)] if kept.draws else []
    return pa.schema(
        [
            ("id", pa.string()),
            *((name, stored.field(name).type) for name in names),
            ("content_sha256", pa.string()),
            ("input_ids", pa.list_(pa.int32())),
            ("completion_mask", pa.list_(pa.int8())),
            ("positions", pa.list_(pa.int32())),
            ("token_ids", integers),
            ("top_values", pa.list_(pa.list_(pa.float16()))),
            *((name, pa.list_(pa.float32())) for name in NUMBERS),
            *drawn,
            ("in_teacher_train", pa.bool_()),
        ]
    )


def token_tables(
    parts: Iterator[list[dict[str, Any]]], split: Split, rows: Any, names: Sequence[str], schema: "pa.Schema"
) -> "Iterator[pa.Table]":
    """The targets of `token_rows` beside their rows, as tables of bounded size."""
    import pyarrow as pa

    start = 0
    for part in parts:
        for at, one in enumerate(part):
            row = rows[start + at]
            contents = [row[name] for name in names]
            one.update(zip(names, contents, strict=True))
            one["content_sha256"] = content_sha256(as_hashed(contents))
            one["in_teacher_train"] = split.role == "train"
            one["token_ids"], one["top_values"] = (list(one[name]) for name in ("token_ids", "top_values"))
        start += len(part)
        yield pa.table({name: [one[name] for one in part] for name in schema.names}, schema=schema)


def as_hashed(contents: Sequence[Any]) -> list[str | bytes]:
    """Content columns as their hash sees them: texts, images, and turns as `role: content`, one a line.

    Args:
        contents: texts, lists of turns, and lists of encoded images, each of which is a part of its own.
    """
    parts: list[str | bytes] = []
    for content in contents:
        if isinstance(content, str):
            parts.append(content)
        elif isinstance(content[0], bytes):
            parts += content
        else:
            parts.append("\n".join(f"{turn['role']}: {turn['content']}" for turn in content))
    return parts


def _readme(names: Sequence[str], kept: Kept) -> str:
    from huggingface_hub import DatasetCardData

    files: list[dict[str, Any]] = [{"split": name, "path": f"{CONFIG}/{name}-*.parquet"} for name in names]
    head = DatasetCardData(configs=[{"config_name": CONFIG, "data_files": files}]).to_yaml()
    drawn = DRAWN.format(draws=kept.draws) if kept.draws else ""
    return f"---\n{head}\n---\n\n{TEXT.format(k=kept.k, drawn=drawn)}"


TEXT = """\
# Soft targets

`load_dataset(".", "soft")` gives one row an example. `input_ids` are its tokens, `completion_mask` marks
those that were learned. Entry u of the other lists is the teacher's distribution at temperature 1 after
`input_ids[: positions[u] + 1]`; the token that follows is `input_ids[positions[u] + 1]`.

- `token_ids`, `top_values`: the {k} likeliest tokens and their log-probabilities (nats), most likely first.
  Raw logits are `top_values + logsumexp`.
- `tail_log_mass`: log of the probability of all other tokens. Never drop it and never share `top_values` out
  anew: both make the teacher look surer than it is. Spread it evenly over the other tokens, or compare it
  with the student's probability of all tokens that are not in `token_ids`.
{drawn}- For a distillation temperature t: `log p_t = top_values / t - total`, where
  `total = logaddexp(logsumexp(top_values / t), tail)`; all other tokens together have `tail - total`.
  `tail` is exactly `tail_log_mass` at t = 1, `tail_log_sum_t2` at 2, `tail_log_sum_t4` at 4, and elsewhere,
  to second order, `tail_log_mass + s tail_mean + s² tail_variance / 2` with s = 1/t - 1.
- `label_log_prob` and `entropy` (nats) of each position.
- Join with your own rows by `id` or `content_sha256`, never by position.
- Where `in_teacher_train` is true the teacher was fitted on the row.
- `test` is not here: compare students with the teacher on it.
"""

DRAWN = """\
- `sampled_ids`, `sampled_counts`: tokens drawn {draws} times from the whole distribution. `counts / {draws}`
  is an unbiased estimate of it, tail included: use it instead of `top_values`, not beside them.
"""
