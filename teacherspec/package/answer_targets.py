"""Soft targets of a language model: the likeliest tokens of every answered position, and the rest in sums.

Dropping the tail would make the stored distribution over-confident, and another temperature impossible; so
its mass, mean and variance are kept beside the top k (`metrics.language.TailRecord`).
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from teacherspec.errors import DataError
from teacherspec.files import write_parquet_parts, write_text
from teacherspec.package.soft_targets import CONFIG, content_sha256
from teacherspec.prepared import Split, open_split
from teacherspec.tasks.answering import Answering
from teacherspec.tasks.loading import SAFE

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

ROWS_PER_BATCH = 8
ROWS_PER_SHARD = 16_384
CHOICES = (8, 16, 32, 64)
"""Numbers of tokens kept among which one is chosen."""

LARGEST_TAIL = 0.01
"""Mean tail mass that the chosen number keeps."""

TRIED_ROWS = 64
"""Rows on which it is chosen."""


class Positions(NamedTuple):
    """What is stored of U positions; log-probabilities at temperature 1.

    Attributes:
        token_ids: `[U, k]` the likeliest tokens, most likely first.
        top_values: `[U, k]` their log-probabilities, float16.
        logsumexp: `[U]` of the raw logits: raw logit = log-probability + logsumexp.
        tail_log_mass: `[U]` log of the probability of all other tokens.
        tail_mean: `[U]` their mean log-probability under their own softmax.
        tail_variance: `[U]` the variance of the same.
        label_log_prob: `[U]` of the token that was learned.
        entropy: `[U]` of the whole distribution, nats.
    """

    token_ids: "torch.Tensor"
    top_values: "torch.Tensor"
    logsumexp: "torch.Tensor"
    tail_log_mass: "torch.Tensor"
    tail_mean: "torch.Tensor"
    tail_variance: "torch.Tensor"
    label_log_prob: "torch.Tensor"
    entropy: "torch.Tensor"


def reduce_logits(logits: "torch.Tensor", labels: "torch.Tensor", k: int) -> Positions:
    """Logits `[U, V]` with labels `[U]` to what is stored of them."""
    import torch

    lse = logits.double().logsumexp(dim=1, keepdim=True)
    log_probs = logits.double() - lse
    top, ids = log_probs.topk(k, dim=1)
    entropy = -(log_probs.exp() * log_probs).sum(dim=1)
    own = log_probs.gather(1, labels.unsqueeze(1)).squeeze(1)
    tail = log_probs.scatter(1, ids, -torch.inf)
    mass = tail.logsumexp(dim=1, keepdim=True)
    weights = (tail - mass).exp()
    finite = tail.nan_to_num(neginf=0.0)
    mean = (weights * finite).sum(dim=1)
    variance = (weights * (finite - mean.unsqueeze(1)) ** 2).sum(dim=1)
    return Positions(
        ids.int(), top.half(), lse.squeeze(1).float(), mass.squeeze(1).float(), mean.float(),
        variance.float(), own.float(), entropy.float(),
    )  # fmt: skip


def token_rows(
    task: Answering, model: Any, tokenizer: Any, rows: Any, k: int
) -> Iterator[list[dict[str, Any]]]:
    """The rows of a split with their targets, some at a time, in their order."""
    import torch

    encoded = task.encode(tokenizer, rows)
    collate = task.collate(tokenizer)
    with torch.inference_mode():
        for start in range(0, len(rows), ROWS_PER_BATCH):
            chosen = [encoded[at] for at in range(start, min(start + ROWS_PER_BATCH, len(rows)))]
            batch = {name: tensor.to(model.device) for name, tensor in collate(chosen).items()}
            labels = batch.pop("labels")[0, 1:]
            found = reduce_logits(task.logits(model, batch), labels, k)
            places = [[t - 1 for t, learned in enumerate(one["supervised"]) if learned] for one in chosen]
            pieces = [torch.split(column.cpu(), [len(place) for place in places]) for column in found]
            yield [
                {
                    "id": rows[start + at]["id"],
                    "input_ids": one["input_ids"],
                    "completion_mask": one["supervised"],
                    "positions": places[at],
                    **{name: pieces[column][at].numpy() for column, name in enumerate(Positions._fields)},
                }
                for at, one in enumerate(chosen)
            ]


def choose_k(task: Answering, model: Any, tokenizer: Any, rows: Any, vocabulary: int) -> int:
    """The smallest of `CHOICES` with a mean tail mass of at most 1 % on some rows, else the largest."""
    sample = rows.select(range(min(len(rows), TRIED_ROWS)))
    allowed = [k for k in CHOICES if k < vocabulary] or [vocabulary - 1]
    values = [
        np.exp(one["top_values"].astype(np.float64))
        for part in token_rows(task, model, tokenizer, sample, allowed[-1])
        for one in part
    ]
    probs = np.concatenate(values)
    for k in allowed:
        if 1.0 - probs[:, :k].sum(axis=1).mean() <= LARGEST_TAIL:
            return k
    return allowed[-1]


def pack_token_targets(
    task: Answering, model_folder: Path, splits: Sequence[Split], declared_k: int | None, target: Path
) -> dict[str, int]:
    """Write `distill/`: a data set of one configuration, `soft`, that `datasets.load_dataset` opens.

    Columns: `id`; the task's content columns; `content_sha256`; `input_ids` and `completion_mask` `[L]`;
    `positions` `[U]`, such that entry u is the distribution after `input_ids[:positions[u] + 1]`, of the
    token at `positions[u] + 1`; for each of them the fields of `Positions`; `in_teacher_train`.

    Args:
        task: the declared task.
        model_folder: `model/` of the package: the targets are what it gives.
        splits: the declared splits.
        declared_k: tokens kept a position, or None to choose.
        target: folder to create.

    Returns:
        Split name → number of rows.

    Raises:
        DataError: `declared_k` is not below the size of the vocabulary.
    """
    model, tokenizer = task.load(model_folder)
    vocabulary = int(model.config.get_text_config().vocab_size)
    k = declared_k or choose_k(task, model, tokenizer, open_split(splits[0]), vocabulary)
    if k >= vocabulary:
        raise DataError(f"package.top_k: given {k}; allowed: below {vocabulary}, the size of the vocabulary")
    names = [field.name for field in task.row_fields().content]
    for split in splits:
        rows = open_split(split)
        schema = _schema(rows, names)
        parts = _tables(task, model, tokenizer, split, rows, names, k, schema)
        shards = max(1, -(-split.rows // ROWS_PER_SHARD))
        for shard in range(shards):
            name = f"{split.name}-{shard:05d}-of-{shards:05d}.parquet"
            write_parquet_parts(target / CONFIG / name, schema, _up_to(parts, ROWS_PER_SHARD))
    write_text(target / "README.md", _readme([split.name for split in splits], k))
    return {split.name: split.rows for split in splits}


def _schema(rows: Any, names: Sequence[str]) -> "pa.Schema":
    import pyarrow as pa

    stored = rows.features.arrow_schema
    numbers = {name: pa.float32() for name in Positions._fields[2:]}
    return pa.schema(
        [
            ("id", pa.string()),
            *((name, stored.field(name).type) for name in names),
            ("content_sha256", pa.string()),
            ("input_ids", pa.list_(pa.int32())),
            ("completion_mask", pa.list_(pa.int8())),
            ("positions", pa.list_(pa.int32())),
            ("token_ids", pa.list_(pa.list_(pa.int32()))),
            ("top_values", pa.list_(pa.list_(pa.float16()))),
            *((name, pa.list_(kind)) for name, kind in numbers.items()),
            ("in_teacher_train", pa.bool_()),
        ]
    )


def _tables(
    task: Answering,
    model: Any,
    tokenizer: Any,
    split: Split,
    rows: Any,
    names: Sequence[str],
    k: int,
    schema: "pa.Schema",
) -> "Iterator[pa.Table]":
    import pyarrow as pa

    start = 0
    for part in token_rows(task, model, tokenizer, rows, k):
        for at, one in enumerate(part):
            row = rows[start + at]
            contents = [row[name] for name in names]
            one.update(zip(names, contents, strict=True))
            one["content_sha256"] = content_sha256([as_text(content) for content in contents])
            one["in_teacher_train"] = split.role == "train"
            one["token_ids"], one["top_values"] = (list(one[name]) for name in ("token_ids", "top_values"))
        start += len(part)
        yield pa.table({name: [one[name] for one in part] for name in schema.names}, schema=schema)


def as_text(content: Any) -> str:
    """A content column as its hash sees it: texts as they are, turns one a line, `role: content`."""
    if isinstance(content, str):
        return content
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in content)


def _up_to(parts: "Iterator[pa.Table]", rows: int) -> "Iterator[pa.Table]":
    taken = 0
    while taken < rows and (part := next(parts, None)) is not None:
        taken += len(part)
        yield part


def vocabulary_sha256(tokenizer: Any) -> str:
    """SHA-256 of the vocabulary, `id<TAB>token` a line in the order of ids: equal where ids mean the same."""
    lines = (f"{number}\t{token}\n" for token, number in sorted(tokenizer.get_vocab().items(), key=_by_id))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _by_id(entry: tuple[str, int]) -> tuple[int, str]:
    return entry[1], entry[0]


def token_statistics(folder: Path, splits: Sequence[str]) -> dict[str, Any]:
    """What lies in `distill/` of a package, in bounded memory.

    Args:
        folder: the package.
        splits: names of the splits in `distill/`.

    Returns:
        `entropy`: split → mean entropy a position, nats; `out_of_fold`: None; `tokens`: `k`, `positions`,
        `tail_mass_mean`, `tail_mass_p99` and `vocabulary_sha256`.
    """
    import pyarrow.parquet as pq
    from transformers import AutoTokenizer

    entropy, masses, k = {}, [], 0
    for split in splits:
        total, count = 0.0, 0
        for path in sorted((folder / "distill" / CONFIG).glob(f"{split}-*.parquet")):
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(columns=["entropy", "tail_log_mass", "token_ids"]):
                    found = batch["entropy"].flatten().to_numpy().astype(np.float64)
                    total, count = total + float(found.sum()), count + len(found)
                    masses.append(np.exp(batch["tail_log_mass"].flatten().to_numpy()))
                    k = max(k, len(batch["token_ids"][0][0].as_py()))
        entropy[split] = round(total / max(1, count), 6)
    tail = np.concatenate(masses).astype(np.float64)
    tokens = {
        "k": k,
        "positions": len(tail),
        "tail_mass_mean": round(float(tail.mean()), 6),
        "tail_mass_p99": round(float(np.quantile(tail, 0.99)), 6),
        "vocabulary_sha256": vocabulary_sha256(AutoTokenizer.from_pretrained(folder / "model", **SAFE)),
    }
    return {"entropy": entropy, "out_of_fold": None, "tokens": tokens}


def _readme(names: Sequence[str], k: int) -> str:
    from huggingface_hub import DatasetCardData

    files: list[dict[str, Any]] = [{"split": name, "path": f"{CONFIG}/{name}-*.parquet"} for name in names]
    head = DatasetCardData(configs=[{"config_name": CONFIG, "data_files": files}]).to_yaml()
    return f"---\n{head}\n---\n\n{TEXT.format(k=k)}"


TEXT = """\
# Soft targets

`load_dataset(".", "soft")` gives one row an example. `input_ids` are its tokens, `completion_mask` marks
those that were learned. Entry u of the other lists is the teacher's distribution at temperature 1 after
`input_ids[: positions[u] + 1]`; the token that follows is `input_ids[positions[u] + 1]`.

- `token_ids`, `top_values`: the {k} likeliest tokens and their log-probabilities, most likely first.
- `tail_log_mass`: log of the probability of all other tokens. Never drop it and never share `top_values` out
  anew: both make the teacher look surer than it is. Spread it evenly over the other tokens, or compare it
  with the student's probability of all tokens that are not in `token_ids`.
- For a distillation temperature t: LSE(z/t) = logaddexp(logsumexp(top_values/t), tail), with
  tail = tail_log_mass + (1/t - 1) tail_mean + (1/t - 1)² tail_variance / 2, and
  log p_t = top_values/t - LSE(z/t). Raw logits are `top_values + logsumexp`.
- `label_log_prob` and `entropy` (nats) of each position.
- Join with your own rows by `id` or `content_sha256`, never by position.
- Where `in_teacher_train` is true the teacher was fitted on the row.
- `test` is not here: compare students with the teacher on it.
"""
