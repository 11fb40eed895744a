"""Compare two multi-label teachers on the same rows: metrics, and rows whose labels became all right."""

from collections.abc import Sequence

import numpy as np

from teacherspec.calibrators.label_logits import label_logits
from teacherspec.calibrators.label_thresholds import decided_by
from teacherspec.compare.flips_and_slices import Flip, Flips, flipped
from teacherspec.compare.multi_label.metric_tests import DecidedRows, metric_tests
from teacherspec.compare.paired_predictions import SideArtifacts, Sides, positions_of
from teacherspec.compare.paired_tests import Hits
from teacherspec.compare.prediction_diff import PredictionDiff, SplitDiff, compare_splits
from teacherspec.metrics.scores.multi_label import sigmoid
from teacherspec.predictions.multi_label import LabelPredictions, load_label_predictions

NONE = "–"
"""In place of labels where there are none."""


def compare_predictions(sides: Sides, not_compared: list[str]) -> PredictionDiff:
    """Tests of metrics; flips and slices by whether all labels of a row are predicted right, as calibrated.

    Args:
        sides: whose predictions are logits of labels.
        not_compared: gets a sentence for everything that cannot be compared.
    """
    names = sides.head.index.label_names
    if set(names) != set(sides.base.index.label_names):
        not_compared.append(
            "predictions: the two sides have different labels, so that their rows have different answers"
        )
        return PredictionDiff()

    def compare(
        split: str, before: LabelPredictions, after: LabelPredictions, ids: list[str]
    ) -> SplitDiff | None:
        rows = [
            decided_rows(side, one, ids, names) for side, one in zip(sides.both, (before, after), strict=True)
        ]
        same = (rows[0].labels == rows[1].labels).all(axis=1)
        if same.sum() < 2:
            return None
        if not same.all():
            not_compared.append(f"split {split}: {int((~same).sum())} rows have other labels on both sides")
        rows = [one.select(np.flatnonzero(same)) for one in rows]
        known = [name for name, one in zip(ids, same.tolist(), strict=True) if one]
        hits = rows[0].right, rows[1].right
        flips = _flips(sides, split, known, rows, hits)
        return SplitDiff(list(metric_tests(split, rows[0], rows[1])), flips, (known, *hits))

    return compare_splits(
        sides, not_compared, lambda side, split: load_label_predictions(side.predictions, split), compare
    )


def decided_rows(
    side: SideArtifacts, found: LabelPredictions, ids: Sequence[str], names: Sequence[str]
) -> DecidedRows:
    """Logits, calibrated logits, labels and decisions of some rows of a side.

    Args:
        side: of the comparison.
        found: its predictions of a split.
        ids: of the rows, in the wanted order.
        names: label names in the wanted order.
    """
    own = side.index.label_names
    order = [own.index(name) for name in names]
    at = positions_of(found.ids, ids)
    raw = found.logits.astype(np.float64)[at]
    calibrated = label_logits(side.calibrator, raw)
    limits = side.calibration_file["thresholds"]["by_label"]
    decided = decided_by([limits[name] for name in own], sigmoid(calibrated))
    labels = found.labels.astype(bool)[at]
    return DecidedRows(raw[:, order], calibrated[:, order], labels[:, order], decided[:, order])


def _flips(
    sides: Sides, split: str, ids: Sequence[str], rows: Sequence[DecidedRows], hits: tuple[Hits, Hits]
) -> Flips:
    """Rows whose labels are all right on one side only; confidence is that of the least certain decision."""
    texts = dict.fromkeys(ids, "")
    if sides.prepared is not None:
        texts = dict(zip(ids, sides.prepared.content(split, ids).texts, strict=True))
    names = np.array(sides.head.index.label_names)

    def listed(chosen: Hits) -> str:
        return ", ".join(names[chosen].tolist()) or NONE

    def predicted(side: DecidedRows, row: int) -> tuple[str, float]:
        confidence = float(sigmoid(np.abs(side.calibrated[row])).min())
        return listed(side.decided[row]), confidence

    def flip(row: int) -> Flip:
        before, after = (predicted(side, row) for side in rows)
        return Flip(ids[row], texts[ids[row]], listed(rows[1].labels[row]), before, after)

    return flipped(split, *hits, flip)
