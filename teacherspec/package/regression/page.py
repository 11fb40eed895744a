"""What the page shows of a teacher of scores: errors, correlations, intervals, and the worst rows."""

from collections.abc import Iterable, Sequence

from teacherspec.metrics.scores.regression import METRICS
from teacherspec.package.page.content import Headline, Row, Section, Table, number, numbers, plain, texts
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.quality_gates import Measurement
from teacherspec.package.regression.card import TITLES


def headlines(inputs: PageInputs) -> Iterable[Headline]:
    """Correlation, error, gain and coverage on the test split."""
    for name in ("pearson", "rmse"):
        yield Headline(f"{TITLES[name]}, test", inputs.cell(f"evaluate.test.{name}"), "before calibration")
    (gained,) = inputs.differences(["evaluate.gain.test.rmse"])
    yield Headline("gain, test", gained, "RMSE below a ridge regression on the untrained base")
    if inputs.find("calibrate.test.interval.coverage"):
        level = inputs.cell("calibrate.test.interval.level", 2).text
        noise = inputs.cell("calibrate.test.interval.noise").text
        cell = inputs.cell("calibrate.test.interval.coverage")
        yield Headline("within the interval, test", cell, f"of level {level}; {noise} may be noise")


def gain_section(inputs: PageInputs) -> Section:
    """Base, teacher and their paired difference on each reported set."""
    rows = []
    for split in inputs.reported:
        for name in ("rmse", "pearson", "spearman"):
            (gained,) = inputs.differences([f"evaluate.gain.{split}.{name}"])
            places = (f"evaluate.base.{split}.{name}", f"evaluate.{split}.{name}")
            rows.append(Row((plain(split), plain(TITLES[name]), *map(inputs.cell, places), gained)))
    columns = (*texts("split", "measure"), *numbers("base", "teacher", "gain"))
    text = (
        "The teacher against a ridge regression on features of the untrained base on the same rows, paired, "
        "before calibration; better above 0."
    )
    tables = [Table("Errors and correlations of base and teacher", columns, rows)]
    return Section("gain", "Gain over the untrained base", (text,), tables=tables)


def calibration_section(inputs: PageInputs) -> Section:
    """How often scores lie in their interval, by split and by level."""
    calibration = inputs.outputs.calibration
    text = (
        f"Fitted on {calibration['rows']:,} calibration rows, reported on others. Correction of the scores: "
        f"{calibration['reason']}."
    )
    tables = [_by_split(inputs), _by_level(inputs)]
    return Section("calibration", "Calibration", (text,), tables=[table for table in tables if table.rows])


def _by_split(inputs: PageInputs) -> Table:
    names = ("coverage", "level", "noise", "width")
    rows = [
        Row((plain(split), *(inputs.cell(f"calibrate.{split}.interval.{name}") for name in names)))
        for split in inputs.reported
        if inputs.find(f"calibrate.{split}.interval.coverage")
    ]
    columns = (*texts("split"), *numbers("share within", "level", "noise", "width"))
    note = "Noise: half the width of what a perfect interval shows on as many rows in 95 of 100 draws."
    return Table("Scores within their interval", columns, rows, note)


def _by_level(inputs: PageInputs) -> Table:
    rows = [
        Row(
            (
                number(Measurement(float(row["confidence"])), 2),
                number(
                    Measurement(*(float(row[name]) for name in ("accuracy", "accuracy_low", "accuracy_high")))
                ),
                plain(int(row["count"])),
            )
        )
        for row in inputs.table("calibrate/reliability.tsv")
    ]
    return Table(
        "Intervals of other levels, test", numbers("level", "share within", "rows"), rows, folded=True
    )


def sections(inputs: PageInputs) -> Sequence[Section]:
    """Quality, and the rows with the largest errors."""
    labelled = [
        name for name in ("test", *inputs.outputs.prepared.splits) if inputs.find(f"evaluate.{name}.mse")
    ]
    rows = [
        Row((plain(split), *(inputs.cell(f"evaluate.{split}.{name}") for name in METRICS)))
        for split in dict.fromkeys(labelled)
    ]
    columns = (*texts("split"), *numbers(*(TITLES[name] for name in METRICS)))
    quality = Table("Errors, in the unit of the scale, and correlations", columns, rows)
    hardest = _hardest(inputs)
    return (
        Section("quality", "Quality", tables=[quality]),
        Section("rows", "Rows to look at", tables=[hardest] if hardest.rows else []),
    )


def _hardest(inputs: PageInputs) -> Table:
    rows = [
        Row(
            (
                plain(row["text"]),
                *(number(Measurement(float(row[name]))) for name in ("label", "score", "error")),
            )
        )
        for row in inputs.table("evaluate/plots/hardest.tsv")
    ]
    columns = (*texts("row"), *numbers("its score", "the teacher's", "error"))
    return Table("Largest errors, test", columns, rows, filterable=True)
