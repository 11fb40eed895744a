"""Rows of a split as something else, in memory."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from datasets import Dataset


def map_rows(rows: "Dataset", function: Callable[[Any], dict[str, Any]], *, batched: bool) -> "Dataset":
    """The columns that a function makes of the rows, in their order; no column of the rows stays.

    Args:
        rows: of a split.
        function: from a row, or from lists of values by column where `batched`.
        batched: whether it takes many rows at once.
    """
    return rows.map(
        function,
        batched=batched,
        remove_columns=rows.column_names,
        keep_in_memory=True,
        load_from_cache_file=False,
        new_fingerprint=uuid4().hex,  # by default datasets pickles the whole tokenizer to name the result
    )
