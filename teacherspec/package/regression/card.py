"""What the card shows of a teacher of scores: errors, correlations, gain, how often its intervals hold."""

from teacherspec.metrics.scores.regression import METRICS
from teacherspec.package.card.card_findings import interval
from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.quality_gates import find
from teacherspec.package.stage_outputs import StageOutputs

TITLES = {"mse": "MSE", "rmse": "RMSE", "mae": "MAE", "pearson": "Pearson", "spearman": "Spearman"}


def card_sections(outputs: StageOutputs) -> list[str]:
    """Quality and calibration."""
    return [_quality(outputs), _calibration(outputs)]


def model_index(outputs: StageOutputs) -> list[tuple[str, str, str, str]]:
    """(split, metric type, metric name, dotted name) of the results in the `model-index`."""
    reported = ["test", *(split.name for split in outputs.prepared.of_role("shifted"))]
    return [(split, name, TITLES[name], f"evaluate.{split}.{name}") for split in reported for name in METRICS]


def gain_section(outputs: StageOutputs) -> str:
    """Errors and correlations of base and teacher on the same rows, and the paired gain."""
    rows = []
    for split in ("test", *(one.name for one in outputs.prepared.of_role("shifted"))):
        for name in ("rmse", "pearson", "spearman"):
            base, own = (
                outputs.number(f"evaluate.{place}.{name}").value for place in (f"base.{split}", split)
            )
            gained = interval(outputs.number(f"evaluate.gain.{split}.{name}"))
            rows.append((split, TITLES[name], f"{base:.3f}", f"{own:.3f}", gained))
    return (
        "## Gain\n\nThe teacher against a ridge regression on features of the untrained base on the same "
        "rows, paired; above 0 the teacher is better. Before calibration.\n\n"
        f"{markdown_table(('split', 'measure', 'base', 'teacher', 'gain'), rows)}"
    )


def _quality(outputs: StageOutputs) -> str:
    labelled = [split for split in outputs.prepared.splits if find(outputs.reports, f"evaluate.{split}.mse")]
    rows = [
        (split, *(interval(outputs.number(f"evaluate.{split}.{name}")) for name in METRICS))
        for split in labelled
    ]
    ratio = outputs.number("evaluate.loss_ratio").value
    columns = ("split", *(TITLES[name] for name in METRICS))
    return (
        "## Results\n\nErrors in the unit of the scale. Intervals in brackets. Before calibration.\n\n"
        f"{markdown_table(columns, rows)}\n\nValidation loss over train loss: {ratio:.3f}."
    )


def _calibration(outputs: StageOutputs) -> str:
    calibrator = outputs.calibration["calibrator"]
    line = f"score × {calibrator['slope']:.4g} + {calibrator['intercept']:.4g}"
    text = f"Calibrated score: {line} ({outputs.calibration['reason']})."
    if calibrator["radius"] is None:
        return f"### Calibration\n\n{text} No interval was fitted."
    rows = []
    for split in ("test", *(one.name for one in outputs.prepared.of_role("shifted"))):
        place = f"calibrate.{split}.interval"
        noise = outputs.number(f"{place}.noise").value
        rows.append((split, interval(outputs.number(f"{place}.coverage")), f"± {noise:.3f}"))
    return (
        f"### Calibration\n\n{text} The score of a row like the calibration rows lies within "
        f"± {calibrator['radius']:.4g} of it in {calibrator['level']:.0%} of cases (split conformal "
        f"prediction, fitted on {outputs.calibration['rows']} rows). Measured:\n\n"
        f"{markdown_table(('split', 'share within', 'noise of as many rows'), rows)}"
    )
