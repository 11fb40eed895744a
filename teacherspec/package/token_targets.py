"""Soft targets of a language model: of every position the top k, exact tail sums, on request drawn tokens.

The columns are those that distillers of stored log-probabilities agree on; row `t` of a position's lists is
p(· | tokens up to t) and so predicts token t + 1. Only k numbers a position are ever held of a vocabulary.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.package.shards import write_shards
from teacherspec.package.top_k import TEMPERATURES, choose_k, sample_counts, tail_mass, top_k

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

ROWS_PER_SHARD = 2_048
ROWS_PER_PART = 64
CHOOSING_ROWS = 32
"""Rows, evenly spread, on which k is chosen."""


@dataclass(frozen=True)
class Stored:
    """What is stored of each position.

    Attributes:
        k: most likely tokens.
        draws: tokens drawn from the whole distribution; 0 for none.
        seed: of the draws.
    """

    k: int
    draws: int = 0
    seed: int = 0


def positions(model: Any, input_ids: Sequence[int]) -> "torch.Tensor":
    """Raw logits `[L, V]` of one sequence, alone: no padding, no neighbours."""
    import torch

    with torch.inference_mode():
        ids = torch.tensor([list(input_ids)], device=model.device)
        logits: torch.Tensor = model(input_ids=ids).logits[0].float().cpu()
        return logits


def chosen_k(model: Any, sequences: Sequence[Sequence[int]], limit: float) -> int:
    """k for a mean tail mass of at most `limit` on some of the sequences."""
    import torch

    step = max(1, len(sequences) // CHOOSING_ROWS)
    found = [choose_k(positions(model, ids), limit) for ids in list(sequences)[::step][:CHOOSING_ROWS]]
    return int(torch.tensor(found, dtype=torch.float64).mean().ceil())


def token_columns(model: Any, input_ids: Sequence[int], stored: Stored, seed: int) -> dict[str, list[Any]]:
    """The columns of one sequence of L tokens.

    Args:
        model: in eval mode.
        input_ids: `[L]`.
        stored: what to keep.
        seed: of this row's draws, so that they do not depend on its place.

    Returns:
        `token_ids` `[L, k]`, `top_values` `[L, k]` (log-probabilities), `logsumexp` `[L]`, `tail_log_sums`
        `[L, 3]`, and with draws `sampled_ids` and `sampled_counts`, lists of their own length a position.
    """
    import torch

    logits = positions(model, input_ids)
    found = top_k(logits, stored.k)
    columns = {
        "token_ids": found.token_ids.tolist(),
        "top_values": list(found.log_probs.numpy()),
        "logsumexp": found.logsumexp.tolist(),
        "tail_log_sums": found.tail_log_sums.tolist(),
    }
    if stored.draws:
        drawn = sample_counts(logits, stored.draws, torch.Generator().manual_seed(seed))
        columns |= {
            "sampled_ids": [ids for ids, _ in drawn],
            "sampled_counts": [counts for _, counts in drawn],
        }
    return columns


def token_schema(content: "Sequence[pa.Field]", stored: Stored) -> "pa.Schema":
    """All columns: id, the task's content, the sequence, and what is stored of each position."""
    import pyarrow as pa

    draws = [
        ("sampled_ids", pa.list_(pa.list_(pa.int32()))),
        ("sampled_counts", pa.list_(pa.list_(pa.int32()))),
    ]
    return pa.schema(
        [
            pa.field("id", pa.string()),
            *content,
            pa.field("content_sha256", pa.string()),
            pa.field("input_ids", pa.list_(pa.int32())),
            pa.field("completion_mask", pa.list_(pa.int8())),
            pa.field("token_ids", pa.list_(pa.list_(pa.int32()))),
            pa.field("top_values", pa.list_(pa.list_(pa.float16()))),
            pa.field("logsumexp", pa.list_(pa.float32())),
            pa.field("tail_log_sums", pa.list_(pa.list_(pa.float32(), len(TEMPERATURES)))),
            pa.field("in_teacher_train", pa.bool_()),
            *(pa.field(name, kind) for name, kind in (draws if stored.draws else [])),
        ]
    )


def write_token_targets(
    folder: Path, split: str, model: Any, rows: Any, content: "Sequence[pa.Field]", stored: Stored
) -> list[Path]:
    """Run the model over a split and write its shards, in memory that does not grow with the split.

    Args:
        folder: of exactly this work: shards that are there are taken as done.
        split: name of the split.
        model: in eval mode.
        rows: by index, mappings with `id`, the content columns, `content_sha256`, `input_ids`,
            `completion_mask` and `in_teacher_train`.
        content: Arrow fields of the content columns.
        stored: what to keep.

    Returns:
        The shards in order.
    """
    import pyarrow as pa

    schema = token_schema(content, stored)

    def parts(start: int, end: int) -> Iterator[pa.Table]:
        for first in range(start, end, ROWS_PER_PART):
            batch = [_row(model, rows[at], stored) for at in range(first, min(end, first + ROWS_PER_PART))]
            yield pa.Table.from_pylist(batch, schema=schema)

    return write_shards(folder, split, schema, len(rows), ROWS_PER_SHARD, parts)


def _row(model: Any, row: Mapping[str, Any], stored: Stored) -> dict[str, Any]:
    seed = (int(row["content_sha256"][:15], 16) ^ stored.seed) % 2**63
    return {**row, **token_columns(model, row["input_ids"], stored, seed)}


def mean_tail_mass(model: Any, sequences: Sequence[Sequence[int]], k: int) -> float:
    """Mean probability outside the top k over all positions of the sequences."""
    import torch

    return float(torch.cat([tail_mass(top_k(positions(model, ids), k)) for ids in sequences]).mean())
