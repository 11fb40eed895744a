"""Soft targets of a language model: top-k log-probabilities of every supervised token, and the rest in sums.

The model runs once over each split, in memory that does not grow with it. Every finished shard stays in the
scratch folder until the package is complete, so that a kill costs one shard.
"""

import os
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from teacherspec.inference.load import load_model
from teacherspec.package.card.dataset_card import dataset_card
from teacherspec.package.generation.token_targets import (
    StoredTokens,
    choose_k,
    token_rows,
    token_schema,
    token_tables,
)
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.package.resumable_shards import CONFIG, write_shards
from teacherspec.package.soft_targets_metadata import SoftTargets
from teacherspec.package.verification.checksums import files_below
from teacherspec.runtime import machine
from teacherspec.runtime.atomic_io import sha256_file, write_text
from teacherspec.runtime.resume_key import loaded_code, run_key
from teacherspec.splits import Split, open_split
from teacherspec.tasks.shared.generation_task import GenerationTask

SCRATCH = Path(".scratch/package")
"""Where shards stay until the package is complete, one folder for each set of inputs."""

ROWS_PER_SHARD = 2_048
"""A multiple of the batch size: shards begin where batches do, so that a resumed run gives the same bytes."""


def write_targets(inputs: PackageInputs) -> dict[str, int]:
    """Write `distill/`, see `write_token_targets`."""
    return write_token_targets(
        inputs.task.require(GenerationTask),
        inputs.folder / "model",
        inputs.splits,
        inputs.folder / "distill",
        top_k=inputs.section.top_k,
        sampled_tokens=inputs.section.sampled_tokens,
    )


def write_token_targets(
    task: GenerationTask,
    model_folder: Path,
    splits: Sequence[Split],
    target: Path,
    *,
    top_k: int | None = None,
    sampled_tokens: int | None = None,
) -> dict[str, int]:
    """Write a data set of one configuration, `soft`, that `datasets.load_dataset` opens.

    Columns: `id`; the task's content columns; `content_sha256`; `input_ids` and `completion_mask` `[L]`;
    `positions` `[U]`, such that entry u is the distribution after `input_ids[:positions[u] + 1]`, of the
    token at `positions[u] + 1`; for each of them the fields of `TopK`; with draws `sampled_ids` and
    `sampled_counts`, lists of their own length a position; `in_teacher_train`.

    Args:
        task: the declared task.
        model_folder: `model/` of the package, which computes the targets.
        splits: the declared splits.
        target: folder to create.
        top_k: likeliest tokens stored a position, fewer than the vocabulary has, or None to choose.
        sampled_tokens: tokens drawn a position, or None for none.

    Returns:
        Split name → number of rows.
    """
    model, tokenizer = load_model(task, model_folder)
    vocabulary = int(model.config.get_text_config().vocab_size)
    k = top_k or choose_k(task, model, tokenizer, open_split(splits[0]), vocabulary)
    stored = StoredTokens(k, sampled_tokens or 0)
    scratch = SCRATCH / _scratch_key(task, model_folder, splits, stored)
    content = [column.name for column in task.row_schema().content]
    (target / CONFIG).mkdir(parents=True)
    for split in splits:
        rows = open_split(split)
        schema = token_schema(rows, content, stored)

        def parts(start: int, end: int, split: Split = split, rows: Any = rows, schema: Any = schema) -> Any:
            some = rows.select(range(start, end))
            return token_tables(
                token_rows(task, model, tokenizer, some, stored), split, some, content, schema
            )

        for path in write_shards(scratch, split.name, schema, split.rows, ROWS_PER_SHARD, parts):
            _link_or_copy(path, target / CONFIG / path.name)
    names = [split.name for split in splits]
    write_text(target / "README.md", dataset_card(target, names, _text(stored.k, stored.draws)))
    return {split.name: split.rows for split in splits}


def _scratch_key(
    task: GenerationTask, model_folder: Path, splits: Sequence[Split], stored: StoredTokens
) -> str:
    """Name of the scratch folder, by all that determines its content."""
    return run_key(
        {
            "task": task.model_dump(mode="json"),
            "model": {name: sha256_file(model_folder / name) for name in files_below(model_folder)},
            "splits": {split.name: split.sha256 for split in splits},
            "stored": vars(stored),
            "machine": machine.describe(),
            "code": loaded_code(),
            "libraries": {name: version(name) for name in ("pyarrow", "tokenizers", "torch", "transformers")},
        }
    )


def _link_or_copy(source: Path, target: Path) -> None:
    """The same file at a second path, as a hard link where the file system can."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def card_text(targets: SoftTargets) -> str:
    """The card of `distill/`, below its head."""
    return "" if targets.tokens is None else _text(targets.tokens.k, targets.tokens.sampled)


def _text(k: int, draws: int) -> str:
    return TEXT.format(k=k, drawn=DRAWN.format(draws=draws) if draws else "")


TEXT = """\
# Soft targets

`load_dataset(".", "soft")` gives one row an example. `input_ids` are its tokens, `completion_mask` marks
the supervised ones. Entry u of the other lists is the teacher's distribution at temperature 1 after
`input_ids[: positions[u] + 1]`; the token that follows is `input_ids[positions[u] + 1]`.

- `token_ids`, `top_values`: the {k} likeliest tokens and their log-probabilities (nats), most likely first.
  Raw logits are `top_values + logsumexp`.
- `tail_log_mass`: log of the probability of all other tokens. Never drop it and never renormalise
  `top_values`: both make the teacher look more certain than it is. Spread it evenly over the other tokens, or
  compare it with the student's probability of all tokens that are not in `token_ids`.
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
  is an unbiased estimate of it, tail included: use it instead of `top_values`, not in addition.
"""
