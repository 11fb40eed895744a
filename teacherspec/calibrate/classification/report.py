"""What the stage writes for people and for `dvc metrics` and `dvc plots`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.calibrate.before_after import Guessed, Scored
from teacherspec.calibrators.calibrators import Calibrator, Temperature, apply
from teacherspec.metrics.calibration import calibration_error_by_class, ece_noise_floor
from teacherspec.metrics.ood import auroc_interval, confidence_log_odds, energy, ood_detection
from teacherspec.metrics.reliability import reliability_bins
from teacherspec.metrics.selective_prediction import RiskCoverage, risk_coverage
from teacherspec.plots.reliability import ReliabilityPanel, reliability_figure
from teacherspec.plots.risk_coverage import RiskLine, risk_coverage_figure
from teacherspec.plots.style import AFTER, BEFORE, drawing, save_png
from teacherspec.predictions.classification import Predictions
from teacherspec.runtime.atomic_io import write_tsv
from teacherspec.spec.calibrate import Calibrate

RELIABILITY_COLUMNS = (
    "stage", "bin", "lower", "upper", "confidence", "accuracy", "accuracy_low", "accuracy_high",
    "band_low", "band_high", "count",
)  # fmt: skip
CLASS_COLUMNS = ("label", "predicted", "ece_before", "floor_before", "ece_after", "floor_after")
RISK_COLUMNS = ("stage", "coverage", "risk")

RISK_POINTS = 100
"""Points of the risk-coverage curve in the table: more cannot be told apart in a plot."""

COLOURS = {"before": BEFORE, "after": AFTER}


def out_of_scope(
    inside: Predictions, outside: Predictions, calibrator: Calibrator, section: Calibrate
) -> dict[str, Any]:
    """How well raw and calibrated scores tell test rows (`in`) from rows out of scope (`out`).

    Energy needs unnormalised logits, which only a temperature leaves: after any other calibrator there is
    none.
    """
    scores = {
        "max_probability": {
            "before": [confidence_log_odds(split.logits) for split in (inside, outside)],
            "after": [confidence_log_odds(apply(calibrator, split.logits)) for split in (inside, outside)],
        },
        "energy": {"before": [-energy(split.logits) for split in (inside, outside)]},
    }
    if isinstance(calibrator, Temperature):
        scores["energy"]["after"] = [
            -energy(split.logits, temperature=calibrator.temperature) for split in (inside, outside)
        ]
    return {
        "rows": len(outside.ids),
        **{
            score: {
                when: {
                    **asdict(ood_detection(*pair)),
                    "auroc": asdict(auroc_interval(*pair, confidence=section.confidence)),
                }
                for when, pair in stages.items()
            }
            for score, stages in scores.items()
        },
    }


def write_tables(
    report: Path, scored: dict[str, Scored], label_names: Sequence[str], section: Calibrate
) -> None:
    """`reliability.tsv`, `classes.tsv` and `risk_coverage.tsv` of the test split, before and after."""
    write_curves(report, scored, section, {})
    write_tsv(report / "classes.tsv", CLASS_COLUMNS, _class_rows(scored, label_names, section))


def write_curves(
    report: Path, scored: Mapping[str, Guessed], section: Calibrate, whole: Mapping[str, Guessed]
) -> None:
    """`reliability.tsv` and `risk_coverage.tsv` of the test split, before and after.

    Args:
        report: folder to write to.
        scored: `before` and `after`.
        section: bins and level.
        whole: further curves of risk, such as that of whole answers.
    """
    write_tsv(report / "reliability.tsv", RELIABILITY_COLUMNS, _reliability_rows(scored, section))
    write_tsv(
        report / "risk_coverage.tsv",
        RISK_COLUMNS,
        [
            (when, round(float(coverage), 6), round(float(risk), 6))
            for when, found in {**scored, **whole}.items()
            for coverage, risk in _thinned(risk_coverage(found.confidences, found.correct))
        ],
    )


def _reliability_rows(scored: Mapping[str, Guessed], section: Calibrate) -> list[tuple[object, ...]]:
    return [
        (
            when,
            number,
            *(
                round(value, 6)
                for value in (
                    bin_.lower,
                    bin_.upper,
                    bin_.confidence,
                    bin_.accuracy.value,
                    bin_.accuracy.low,
                    bin_.accuracy.high,
                    bin_.band_low,
                    bin_.band_high,
                )
            ),
            bin_.count,
        )
        for when, found in scored.items()
        for number, bin_ in enumerate(
            reliability_bins(
                found.confidences, found.correct, n_bins=section.n_bins, confidence=section.confidence
            )
        )
    ]


def _class_rows(
    scored: dict[str, Scored], label_names: Sequence[str], section: Calibrate
) -> list[tuple[object, ...]]:
    """Top-label ECE of the rows predicted as each class; cells are empty for a class never predicted."""
    cells: list[list[object]] = [[name, 0] for name in label_names]
    for found in scored.values():
        predicted = found.probs.argmax(axis=1)
        errors = calibration_error_by_class(found.probs, found.labels, n_bins=section.n_bins)
        for k, error in enumerate(errors):
            rows = predicted == k
            cells[k][1] = int(rows.sum())
            floor = (
                ""
                if error is None
                else round(ece_noise_floor(found.confidences[rows], n_bins=section.n_bins), 6)
            )
            cells[k] += ["" if error is None else round(error, 6), floor]
    return [tuple(row) for row in cells]


def _thinned(curve: RiskCoverage) -> list[tuple[float, float]]:
    kept = np.unique(np.linspace(0, len(curve.risk) - 1, RISK_POINTS).round().astype(np.int64))
    return list(zip(curve.coverage[kept].tolist(), curve.risk[kept].tolist(), strict=True))


def draw(
    report: Path,
    scored: Mapping[str, Guessed],
    measured: dict[str, Any],
    calibrator: Calibrator,
    section: Calibrate,
) -> None:
    """`reliability.png` and `risk_coverage.png` of the test split, before and after.

    Args:
        report: folder to write to.
        scored: `before` and `after`.
        measured: what `scoring.compare` gave for the test split.
        calibrator: named in the title.
        section: bins and level.
    """
    titles = {"before": "before calibration", "after": f"after calibration: {described(calibrator)}"}
    panels = [
        ReliabilityPanel(
            title=titles[when],
            summary=_summary(measured, when),
            colour=COLOURS[when],
            bins=reliability_bins(
                found.confidences, found.correct, n_bins=section.n_bins, confidence=section.confidence
            ),
            accuracy=float(found.correct.mean()),
            mean_confidence=float(found.confidences.mean()),
        )
        for when, found in scored.items()
    ]
    lines = [
        RiskLine(
            f"{when} (AURC {measured['aurc'][when]:.4f})",
            COLOURS[when],
            risk_coverage(found.confidences, found.correct),
        )
        for when, found in scored.items()
    ]
    with drawing():
        save_png(reliability_figure(panels), report / "reliability.png")
        save_png(risk_coverage_figure(lines, "errors at each coverage, test"), report / "risk_coverage.png")


def described(calibrator: Calibrator) -> str:
    """The kind in words, with the temperature where there is one."""
    if isinstance(calibrator, Temperature):
        return f"T = {calibrator.temperature:.3f}"
    return calibrator.kind.replace("_", " ")


def _summary(measured: dict[str, Any], when: str) -> str:
    ece, nll = measured["ece"], measured["nll"][when]["value"]
    return (
        f"ECE {ece[when]['value']:.4f} (noise floor {ece[f'floor_{when}']:.4f}), "
        f"NLL {nll:.4f}, {measured['rows']:,} rows"
    )
