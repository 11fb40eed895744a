"""Prepared rows joined to the teacher's predictions of them by id, some of them where there are many."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from teacherspec.errors import DataError

Places = npt.NDArray[np.intp]
Loaded = TypeVar("Loaded")


def every_split(names: Sequence[str], load: Callable[[str], Loaded]) -> dict[str, Loaded]:
    """What `load` gives of each split, by name.

    Raises:
        DataError: every problem of every split.
    """
    found: dict[str, Loaded] = {}
    problems: list[str] = []
    for name in names:
        try:
            found[name] = load(name)
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(problems)
    return found


def matched_rows(
    ids: Sequence[str], predicted: Sequence[str], most: int, evaluated: Path, split: str
) -> tuple[Places, Places]:
    """Places of rows among `ids`, ascending, and the places of their predictions.

    Args:
        ids: of the prepared rows.
        predicted: ids of the predictions, in any order.
        most: rows that are kept at most, drawn at random.
        evaluated: folder of the predictions, for the message.
        split: its name, for the message.

    Raises:
        DataError: a row has no prediction.
    """
    places = {row_id: place for place, row_id in enumerate(predicted)}
    if missing := [row_id for row_id in ids if row_id not in places]:
        raise DataError(
            f"{evaluated}: no prediction of row {missing[0]} of split {split} ({len(missing)} such rows); "
            "run `dvc repro`"
        )
    kept = np.arange(len(ids))
    if len(ids) > most:
        kept = np.sort(np.random.default_rng([len(ids), most]).choice(len(ids), most, replace=False))
    return kept, np.asarray([places[ids[row]] for row in kept.tolist()], np.intp)


def require_finite(
    values: npt.NDArray[np.float32], what: str, ids: Sequence[str], evaluated: Path, split: str
) -> None:
    """Refuse predictions that are not numbers.

    Args:
        values: `[N, D]`.
        what: they are, such as `logits`.
        ids: `[N]`.
        evaluated: folder of the predictions, for the message.
        split: its name, for the message.

    Raises:
        DataError: a value is not finite.
    """
    finite = np.isfinite(values).all(axis=1)
    bad: list[int] = np.flatnonzero(~finite).tolist()
    if bad:
        raise DataError(
            f"{evaluated}: the teacher's {what} for row {ids[bad[0]]} of split {split} are not finite "
            f"({len(bad)} such rows); run `evaluate` again"
        )
