"""Validation of the arrays that metrics take: shape, range and finiteness, checked before any arithmetic.

All functions raise `ValueError` naming the array and the first offending row, and return float64 or
integers, so that no metric ever turns a broken input into a number. K is always the number of columns,
never the number of labels seen, so a slice with one class stays legal.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

PROBABILITY_SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may sum from 1: half-precision softmax over many classes stays inside."""


def first_row(bad: npt.NDArray[np.bool_]) -> int:
    """Index of the first row marked in `bad` `[N]` or `[N, C]`."""
    return int(np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))[0])


def _real(values: npt.ArrayLike, name: str, ndim: int) -> npt.NDArray[np.generic]:
    array = np.asarray(values)
    shape = "[N]" if ndim == 1 else "[N, C]"
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: given dtype {array.dtype}; expected real numbers of shape {shape}")
    if array.ndim != ndim or 0 in array.shape:
        raise ValueError(f"{name}: given shape {list(array.shape)}; expected {shape} with at least one row")
    return array


def _same_rows(array: npt.NDArray[np.generic], rows: int | None, name: str) -> None:
    if rows is not None and len(array) != rows:
        raise ValueError(f"{name}: given {len(array)} rows; expected {rows}, as many as in the other arrays")


def finite_values(values: npt.ArrayLike, *, name: str, rows: int | None = None) -> FloatArray:
    """Finite numbers `[N]`."""
    array = _real(values, name, 1).astype(np.float64, copy=False)
    _same_rows(array, rows, name)
    # A sum is finite unless something in it is not (or it overflows, which the second check settles).
    if not np.isfinite(array.sum()) and (bad := ~np.isfinite(array)).any():
        row = first_row(bad)
        raise ValueError(f"{name}: row {row} is {array[row]}; expected a finite number")
    return array


def confidence_values(values: npt.ArrayLike, *, name: str = "confidences") -> FloatArray:
    """Probabilities `[N]`, each in [0, 1]."""
    array = _real(values, name, 1).astype(np.float64, copy=False)
    # Written so that NaN, which compares false to everything, fails.
    if not (array.min() >= 0.0 and array.max() <= 1.0):
        row = first_row(~((array >= 0.0) & (array <= 1.0)))
        raise ValueError(f"{name}: row {row} is {array[row]}; expected a probability in [0, 1]")
    return array


def truth_values(
    values: npt.ArrayLike, *, name: str = "correct", rows: int | None = None
) -> npt.NDArray[np.bool_]:
    """Booleans `[N]`, given as booleans or as the numbers 0 and 1."""
    array = _real(values, name, 1)
    _same_rows(array, rows, name)
    if array.dtype == np.bool_:
        return array.astype(np.bool_, copy=False)
    truth: npt.NDArray[np.bool_] = array == 1
    bad = ~(truth | (array == 0))
    if bad.any():
        row = first_row(bad)
        raise ValueError(f"{name}: row {row} is {array[row]}; expected 0 or 1")
    return truth


def label_values(
    values: npt.ArrayLike, *, n_classes: int, name: str = "labels", rows: int | None = None
) -> IntArray:
    """Class indices `[N]`, each in 0..n_classes - 1."""
    array = _real(values, name, 1)
    _same_rows(array, rows, name)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name}: given dtype {array.dtype}; expected integers 0..{n_classes - 1}")
    labels = array.astype(np.int64, copy=False)
    bad = (labels < 0) | (labels >= n_classes)
    if bad.any():
        row = first_row(bad)
        raise ValueError(f"{name}: row {row} is {labels[row]}; expected 0..{n_classes - 1}")
    return labels


def probability_rows(values: npt.ArrayLike, *, name: str = "probs") -> FloatArray:
    """Distributions `[N, C]`: entries in [0, 1], rows that sum to 1."""
    array = _real(values, name, 2).astype(np.float64, copy=False)
    outside = ~((array >= 0.0) & (array <= 1.0))
    if outside.any():
        row = first_row(outside)
        raise ValueError(f"{name}: row {row} is {array[row].tolist()}; expected probabilities in [0, 1]")
    total = array.sum(axis=1)
    wrong = np.abs(total - 1.0) > PROBABILITY_SUM_TOLERANCE
    if wrong.any():
        row = first_row(wrong)
        raise ValueError(f"{name}: row {row} sums to {total[row]:.6g}; expected 1")
    return array


def logit_rows(values: npt.ArrayLike, *, name: str = "logits") -> npt.NDArray[np.generic]:
    """Logits `[N, C]` in their own dtype; values are checked row by row as they are used (see `shifted`)."""
    return _real(values, name, 2)


def shifted(logits: npt.NDArray[np.generic], *, first: int = 0, name: str = "logits") -> FloatArray:
    """A float64 copy of rows of logits `[n, C]` with the row maximum removed.

    -∞ is legal where at least one class of the row is finite (a banned class); NaN and +∞ are not.

    Args:
        logits: `[n, C]`.
        first: index of the first of these rows, for messages.
        name: what to call the array in messages.
    """
    z = logits.astype(np.float64)
    top = z.max(axis=1, keepdims=True)
    if not np.isfinite(top).all():
        row = first_row(~np.isfinite(top))
        raise ValueError(
            f"{name}: row {first + row} holds {top[row, 0]} as its largest value; expected finite numbers "
            "(-inf only together with a finite one)"
        )
    z -= top
    return z
