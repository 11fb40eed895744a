"""The input of the measurements: made once for each size, from a seed, and kept in a scratch folder."""

from pathlib import Path

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

CLASSES = 100
TEMPERATURE = 2.0
"""Planted: labels are drawn from softmax(logits / TEMPERATURE)."""


def logits(folder: Path, rows: int) -> tuple[Path, Path]:
    """Files of float32 logits `[rows, CLASSES]` and labels `[rows]`."""
    files = folder / f"logits-{rows}.npy", folder / f"labels-{rows}.npy"
    if files[1].exists():
        return files
    generator = np.random.default_rng(0)
    given = np.lib.format.open_memmap(files[0], "w+", np.float32, (rows, CLASSES))
    labels = np.empty(rows, np.int64)
    for start in range(0, rows, 10_000):
        part = slice(start, min(start + 10_000, rows))
        shape = part.stop - part.start, CLASSES
        given[part] = 3.0 * generator.standard_normal(shape, np.float32)
        labels[part] = (given[part] / TEMPERATURE + generator.gumbel(size=shape)).argmax(axis=1)
    given.flush()
    np.save(files[1], labels)
    return files


def exact_temperature(folder: Path, rows: int) -> float:
    """The T that all fitters are judged by: root of the NLL's slope in float64, by Brent's method."""
    kept = folder / f"exact-{rows}.npy"
    if kept.exists():
        return float(np.load(kept))
    given, labels = (np.load(file, mmap_mode="r") for file in logits(folder, rows))

    def slope(beta: float) -> float:
        total = 0.0
        for start in range(0, rows, 10_000):
            z = given[start : start + 10_000].astype(np.float64)
            own = z[np.arange(len(z)), labels[start : start + 10_000]]
            total += float(((softmax(beta * z, axis=1) * z).sum(axis=1) - own).sum())
        return total / rows

    found = 1.0 / brentq(slope, 0.2, 2.0, xtol=1e-13, rtol=1e-13)
    np.save(kept, found)
    return float(found)


def predictions(rows: int, *, single: bool) -> tuple[np.ndarray, np.ndarray]:
    """Confidences `[rows]` and hits `[rows]`; `single`: confidences as a float32 model gives them."""
    generator = np.random.default_rng(1)
    confidences = 1.0 - 0.9 * generator.random(rows) ** 3
    if single:
        confidences = confidences.astype(np.float32).astype(np.float64)
    return confidences, generator.random(rows) < confidences
