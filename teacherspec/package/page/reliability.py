"""Calibration before and after, with what the page needs to move the temperature."""

from collections.abc import Mapping, Sequence
from typing import Any

from teacherspec.package.page.charts import Chart, Line
from teacherspec.package.page.content import Control, Row, Section, Table, number, numbers, plain, texts
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.quality_gates import Measurement

MEASURES = (("ece", "ECE"), ("nll", "NLL (nats)"), ("brier", "Brier"), ("signed", "confidence − accuracy"))
"""Measures before and after, and their titles."""

SAME = 1e-4
"""Difference of temperatures that are the same but for rounding."""

Bins = list[tuple[float, float, int]]
"""`(mean confidence, accuracy, rows)` of each bin."""


def calibration_section(inputs: PageInputs) -> Section:
    """Reliability with its control, measures of each split before and after, errors by coverage, scope."""
    tables = [_numbers(inputs), _before_after(inputs), _out_of_scope(inputs), _abstention(inputs)]
    calibration = inputs.outputs.calibration
    fitted = f"Fitted on {calibration['rows']:,} calibration rows, reported on others. {_reason(calibration)}"
    return Section(
        "calibration",
        "Calibration",
        (fitted,),
        control=_control(inputs),
        charts=[chart for chart in (coverage_chart(inputs),) if chart.lines],
        tables=[table for table in tables if table.rows],
    )


def _reason(calibration: Mapping[str, Any]) -> str:
    """The method, and why where it was chosen among several."""
    chosen = calibration["declared"]["kind"] == "auto"
    return (
        f"Method {calibration['reason'] if chosen else calibration['calibrator']['kind'].replace('_', ' ')}."
    )


def _control(inputs: PageInputs) -> Control | None:
    stops = inputs.sweep
    rows = inputs.table("calibrate/reliability.tsv")
    if not stops or not rows:
        return None
    before, after = (_bins(rows, when) for when in ("before", "after"))
    calibrator = inputs.outputs.calibration["calibrator"]
    temperature = calibrator.get("temperature")
    wanted = 1.0 if temperature is None else temperature
    start = min(range(len(stops)), key=lambda place: abs(stops[place]["temperature"] - wanted))
    errors = {when: inputs.find(f"calibrate.test.ece.{when}") for when in ("before", "after")}
    values = {when: "–" if found is None else f"{found.value:.3f}" for when, found in errors.items()}
    return Control(
        before=before,
        after=after,
        method=calibrator["kind"].replace("_", " "),
        stops=stops,
        start=start,
        fitted=abs(stops[start]["temperature"] - wanted) < SAME
        and calibrator["kind"] in ("temperature", "identity"),
        summary=(
            f"Accuracy against confidence of the test split in {len(after)} bins. The expected calibration "
            f"error is {values['before']} before calibration and {values['after']} after it. On the "
            "diagonal both are equal; below it the teacher is overconfident."
        ),
    )


def _bins(rows: Sequence[Mapping[str, str]], when: str) -> Bins:
    return [
        (float(row["confidence"]), float(row["accuracy"]), int(row["count"]))
        for row in rows
        if row["stage"] == when
    ]


def _numbers(inputs: PageInputs) -> Table:
    columns = (*texts("stage"), *numbers("confidence", "accuracy", "rows"))
    shown = [
        Row(
            (
                plain(row["stage"]),
                number(Measurement(float(row["confidence"]))),
                number(
                    Measurement(*(float(row[name]) for name in ("accuracy", "accuracy_low", "accuracy_high")))
                ),
                plain(int(row["count"])),
            )
        )
        for row in inputs.table("calibrate/reliability.tsv")
    ]
    return Table("Reliability in bins, test", columns, shown, folded=True)


def _before_after(inputs: PageInputs) -> Table:
    measured = [(name, title) for name, title in MEASURES if inputs.find(f"calibrate.test.{name}.before")]
    rows = [
        Row(
            (
                plain(split),
                *(
                    inputs.cell(f"calibrate.{split}.{name}.{when}")
                    for name, _ in measured
                    for when in ("before", "after")
                ),
                inputs.cell(f"calibrate.{split}.ece.noise_after"),
            )
        )
        for split in inputs.reported
    ]
    columns = numbers(*(f"{title}, {when}" for _, title in measured for when in ("before", "after")))
    note = "Noise: what a perfectly calibrated model shows on as many rows in 95 of 100 draws."
    return Table("Before and after", (*texts("split"), *columns, *numbers("ECE by noise")), rows, note)


def _out_of_scope(inputs: PageInputs) -> Table:
    names = [split.name for split in inputs.outputs.prepared.of_role("ood")]
    rows = [
        Row(
            (
                plain(name),
                inputs.cell(f"calibrate.{name}.rows", 0),
                *(
                    inputs.cell(f"calibrate.{name}.{score}.after.auroc")
                    for score in ("max_probability", "energy")
                ),
                inputs.cell(f"calibrate.{name}.max_probability.after.fpr_at_95_in_recall"),
            )
        )
        for name in names
    ]
    columns = (
        *texts("set"),
        *numbers("rows", "AUROC by confidence", "AUROC by energy", "kept where 95 % of test is kept"),
    )
    return Table("Rows that belong to no label", columns, rows, "As calibrated, against test rows.")


def _abstention(inputs: PageInputs) -> Table:
    rule = inputs.outputs.calibration.get("abstention")
    columns = (*texts("split"), *numbers("accepted", "errors among accepted"))
    if not rule:
        return Table("Abstention", columns, ())
    if rule["threshold"] is None:
        note = f"The calibration rows prove no threshold for a risk of {rule['risk']:g}: it abstains always."
    else:
        note = (
            f"Accepted: {rule['score']} of at least {rule['threshold']:g}. With probability "
            f"{rule['guarantee']:g} at most {rule['risk']:g} of accepted rows are wrong, on rows like the "
            "calibration rows."
        )
    rows = [
        Row(
            (
                plain(name),
                *(inputs.cell(f"calibrate.{name}.abstention.{part}") for part in ("coverage", "risk")),
            )
        )
        for name in (*inputs.reported, *(split.name for split in inputs.outputs.prepared.of_role("ood")))
    ]
    return Table("Abstention", columns, rows, note)


def coverage_chart(inputs: PageInputs) -> Chart:
    """Errors among the most confident part of each reported set."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in inputs.table("evaluate/risk_coverage.tsv"):
        curves.setdefault(row["split"], []).append((float(row["coverage"]), float(row["risk"])))
    styles = ("main", "second", "third", "faint")
    lines = [
        Line(name, points, styles[min(place, len(styles) - 1)])
        for place, (name, points) in enumerate(curves.items())
    ]
    return Chart(
        "Errors if only the most confident part were answered", "share answered", "errors among them", lines
    )
