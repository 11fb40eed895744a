"""Rows of a split as token ids; rows that cannot be encoded are counted, the first named."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from teacherspec.errors import DataError
from teacherspec.tasks.shared.map_rows import map_rows
from teacherspec.text.conversation import Conversation
from teacherspec.text.tokenization import Encoded, Encoder

if TYPE_CHECKING:
    from datasets import Dataset

SHOWN = 10
"""Rows named in a message."""


def encode_rows(
    encoder: Encoder,
    conversation: Callable[[dict[str, Any]], Conversation],
    rows: "Dataset",
    extra_columns: Sequence[str] = (),
) -> "Dataset":
    """Rows → the columns of `Encoded` and `length`, in their order.

    Args:
        encoder: of the task.
        conversation: from a row to its conversation.
        rows: of a split.
        extra_columns: columns that stay; they are read from disk on access.

    Raises:
        DataError: rows hold special tokens, cannot be rendered or do not fit; all are counted, the first
            named.
    """
    encoder.stop_id  # noqa: B018 - an invalid stop token is an error of the base, not of a row
    problems: list[str] = []

    def encode_row(row: dict[str, Any]) -> dict[str, Any]:
        try:
            return encoder.encode(conversation(row))._asdict()
        except DataError as error:
            problems.append(f"row {row['id']}: {error}")
            return Encoded([], [], answer_start=0, cut=0, split=False, unlearned=0)._asdict()

    encoded = map_rows(rows, encode_row, batched=False)
    if problems:
        more = f"{len(problems)} of {len(rows)} rows cannot be encoded"
        raise DataError([*problems[:SHOWN], *([more] if len(problems) > SHOWN else [])])
    encoded = encoded.add_column("length", [len(ids) for ids in encoded["input_ids"]])
    if not extra_columns:
        return encoded
    from datasets import concatenate_datasets

    return concatenate_datasets([encoded, rows.select_columns(list(extra_columns))], axis=1)
