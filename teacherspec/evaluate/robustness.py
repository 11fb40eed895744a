"""Robustness: how predictions change under perturbations that should not matter."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.errors import DeclarationError
from teacherspec.evaluate.perturbations import Perturbation
from teacherspec.inference.classification import predict
from teacherspec.inference.row_outputs import ROWS_PER_SHARD
from teacherspec.metrics.multiple_testing import adjusted
from teacherspec.metrics.scores.intervals import Interval, wilson_interval
from teacherspec.metrics.scores.softmax import top_label
from teacherspec.metrics.significance import mcnemar_exact
from teacherspec.predictions.classification import Predictions

if TYPE_CHECKING:
    from datasets import Dataset

    from teacherspec.tasks.shared.interfaces.model import Inference

COLUMNS = (
    "perturbation", "rows", "changed",
    "accuracy", "accuracy_low", "accuracy_high",
    "flip_rate", "flip_rate_low", "flip_rate_high",
    "right_to_wrong", "wrong_to_right", "p_value", "q_value",
)  # fmt: skip


@dataclass(frozen=True)
class Robustness:
    """A perturbed split against the same split as it is.

    Attributes:
        name: of the perturbation.
        rows: of the split.
        changed: rows in which the perturbation found something to change.
        accuracy: share of right predictions on the perturbed split.
        flip_rate: share of the changed rows whose predicted label changes.
        right_to_wrong: rows that only the perturbation gets wrong.
        wrong_to_right: rows that only the perturbation gets right.
        p_value: exact McNemar test that accuracy stays.
        q_value: p-value adjusted over all perturbations.
    """

    name: str
    rows: int
    changed: int
    accuracy: Interval
    flip_rate: Interval
    right_to_wrong: int
    wrong_to_right: int
    p_value: float
    q_value: float

    def row(self) -> list[object]:
        """Its line in the order of `COLUMNS`."""
        intervals = [
            round(number, 6)
            for interval in (self.accuracy, self.flip_rate)
            for number in (interval.value, interval.low, interval.high)
        ]
        tests = [float(f"{value:.3g}") for value in (self.p_value, self.q_value)]
        counts = (self.right_to_wrong, self.wrong_to_right)
        return [self.name, self.rows, self.changed, *intervals, *counts, *tests]


def chosen_perturbations(
    known: Mapping[str, Perturbation], declared: Sequence[str] | None
) -> dict[str, Perturbation]:
    """The declared perturbations, or all of them.

    Raises:
        DeclarationError: names every one that is unknown.
    """
    names = sorted(known) if declared is None else declared
    if unknown := [name for name in names if name not in known]:
        allowed = ", ".join(sorted(known)) or "none"
        raise DeclarationError(
            [
                f"evaluate.perturbations: {name} does not apply to the rows of this task (allowed: {allowed})"
                for name in unknown
            ]
        )
    return {name: known[name] for name in names}


def generator(seed: int, name: str, row_id: str) -> np.random.Generator:
    """The generator of one row under one perturbation, independent of other rows, perturbations and order."""
    digest = hashlib.sha256(f"{seed}\0{name}\0{row_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def predict_perturbed(
    task: "Inference",
    model: Any,
    processor: Any,
    rows: "Dataset",
    plain: Predictions,
    perturbations: Mapping[str, Perturbation],
    *,
    batch_size: int,
    seed: int,
    finished: Path | None = None,
) -> dict[str, tuple[Predictions, int]]:
    """Predictions of the rows under each perturbation, and the number of rows it changed.

    A row that a perturbation does not change keeps its plain logits, so that nothing flips by rounding.

    Args:
        task: the declared task.
        model: in eval mode.
        processor: of the model.
        rows: a split as `prepare` left it.
        plain: predictions of the rows as they are.
        perturbations: by name.
        batch_size: examples per forward pass.
        seed: of the perturbations.
        finished: folder of finished shards, see `row_outputs`.
    """
    from datasets import Dataset

    # Texts are small, and batched by length; images are large, and kept uncompressed.
    at_once = batch_size if task.decodes_images else ROWS_PER_SHARD
    predicted = {}
    for name, perturb in perturbations.items():
        logits, count = plain.logits.copy(), 0
        for start in range(0, len(rows), at_once):
            part = rows.select(range(start, min(start + at_once, len(rows))))
            changed = _changed(part, name, perturb, seed)
            if changed:
                places = [start + place for place in changed]
                perturbed = Dataset.from_list(list(changed.values()), features=rows.features)
                folder = None if finished is None else finished / name / f"{start:09d}"
                found = predict(task, model, processor, perturbed, batch_size, folder)
                logits[places] = found.logits
            count += len(changed)
        predicted[name] = Predictions(plain.ids, plain.labels, logits), count
    return predicted


def _changed(rows: "Dataset", name: str, perturb: Perturbation, seed: int) -> dict[int, dict[str, Any]]:
    """Place → changed row, of the rows that a perturbation changes."""
    originals = [dict(row) for row in rows]
    perturbed = [perturb(row, generator(seed, name, row["id"])) for row in originals]
    pairs = enumerate(zip(perturbed, originals, strict=True))
    return {place: row for place, (row, original) in pairs if row != original}


def measure_robustness(
    plain: Predictions, perturbed: Mapping[str, tuple[Predictions, int]], *, confidence: float
) -> list[Robustness]:
    """Each perturbation that changed rows against the rows as they are.

    Args:
        plain: predictions of a labelled split.
        perturbed: name → predictions of the same rows in the same order, and how many rows changed.
        confidence: level of the intervals.
    """
    perturbed = {name: found for name, found in perturbed.items() if found[1]}
    before, rows = top_label(plain.logits), len(plain.ids)
    right = before == plain.labels
    counts = {}
    for name, (predictions, _) in perturbed.items():
        after = top_label(predictions.logits)
        still = after == plain.labels
        counts[name] = (int(still.sum()), int((after != before).sum()), int((right & ~still).sum()),
                        int((still & ~right).sum()))  # fmt: skip
    p_values = [mcnemar_exact(lost, gained) for _, _, lost, gained in counts.values()]
    return [
        Robustness(
            name=name,
            rows=rows,
            changed=perturbed[name][1],
            accuracy=wilson_interval(hits, rows, confidence=confidence),
            flip_rate=wilson_interval(flips, perturbed[name][1], confidence=confidence),
            right_to_wrong=lost,
            wrong_to_right=gained,
            p_value=p_value,
            q_value=q_value,
        )
        for (name, (hits, flips, lost, gained)), p_value, q_value in zip(
            counts.items(), p_values, adjusted(p_values), strict=True
        )
    ]
