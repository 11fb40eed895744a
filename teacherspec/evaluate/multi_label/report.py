"""The tables and pictures of multi-label predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from teacherspec.evaluate.common_report import draw_learning_curves, draw_risk_coverage, write_risk_coverage
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.multi_label.metrics import CLASS_COLUMNS
from teacherspec.metrics.scores.multi_label import decision_nll
from teacherspec.metrics.selective_prediction import RiskCoverage, risk_coverage
from teacherspec.predictions.multi_label import LabelPredictions
from teacherspec.runtime.atomic_io import new_folder, write_tsv

HARDEST_COLUMNS = ("id", "nll", "labels", "missed", "wrongly", "text")
HARDEST_SHOWN = 50
"""Test rows with the largest loss that are listed."""

NO_LABELS = "–"


@dataclass(frozen=True)
class LabelAnalysis:
    """What is reported.

    Attributes:
        label_names: C names.
        classes: rows of the table of labels.
        predictions: of the test split, and of the shifted sets after it.
        texts: content of the test rows, in their order.
    """

    label_names: tuple[str, ...]
    classes: Sequence[Sequence[object]]
    predictions: Mapping[str, LabelPredictions]
    texts: Sequence[str]


def write_plots(paths: Paths, analysis: LabelAnalysis) -> None:
    """Write `risk_coverage.tsv` and create the folder of plots."""
    curves = {name: exact_match_curve(found) for name, found in analysis.predictions.items()}
    write_risk_coverage(paths.report, curves)
    with new_folder(paths.plots) as folder:
        write_tsv(folder / "labels.tsv", CLASS_COLUMNS, analysis.classes)
        write_tsv(folder / "hardest.tsv", HARDEST_COLUMNS, _hardest_rows(analysis))
        draw_risk_coverage(folder, curves, "Rows with a wrong label, at each coverage")
        draw_learning_curves(folder, paths.finetuned)


def exact_match_curve(found: LabelPredictions) -> RiskCoverage:
    """Rows of which some label is wrong, by the probability that all are right: the product over labels."""
    logits, labels = found.logits.astype(np.float64), found.labels.astype(bool)
    confidences = np.exp(-np.logaddexp(0.0, -np.abs(logits)).sum(axis=1))
    return risk_coverage(confidences, ((logits >= 0) == labels).all(axis=1))


def _hardest_rows(analysis: LabelAnalysis) -> list[tuple[object, ...]]:
    """Rows in the order of `HARDEST_COLUMNS`; `missed` labels are given, `wrongly` predicted ones are not."""
    test, names = analysis.predictions["test"], np.array(analysis.label_names)
    labels, predicted = test.labels.astype(bool), test.logits >= 0
    losses = decision_nll(test.logits, labels).mean(axis=1)

    def listed(chosen: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> str:
        return ", ".join(names[chosen].tolist()) or NO_LABELS

    return [
        (
            test.ids[row],
            round(float(losses[row]), 6),
            listed(labels[row]),
            listed(labels[row] & ~predicted[row]),
            listed(predicted[row] & ~labels[row]),
            " ".join(analysis.texts[row].split()),
        )
        for row in np.argsort(-losses, kind="stable")[:HARDEST_SHOWN].tolist()
    ]
