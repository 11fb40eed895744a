"""What the page shows of a multi-label teacher: splits, labels, rows to look at."""

from collections.abc import Iterable, Sequence

from teacherspec.package.multi_label.card import COLUMNS, DECIDED
from teacherspec.package.page.content import Cell, Headline, Row, Section, Table, numbers, plain, texts
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.page.rows import content, row_pictures
from teacherspec.runtime.escaping import tsv_cell

ROWS_SHOWN = 50


def headlines(inputs: PageInputs) -> Iterable[Headline]:
    """Macro F1 as calibrated, and mean average precision."""
    rows = inputs.cell("evaluate.test.rows", 0).text
    found = inputs.cell("calibrate.test.thresholds.macro_f1")
    yield Headline("macro F1, test", found, f"{rows} rows, as calibrated")
    yield Headline(
        "mean average precision, test", inputs.cell("evaluate.test.mean_average_precision"), "over labels"
    )


def sections(inputs: PageInputs) -> Sequence[Section]:
    """Everything that only multi-label teachers have."""
    return (
        Section("quality", "Quality", (QUALITY,), tables=[_splits(inputs), _decided(inputs), _gain(inputs)]),
        Section("labels", "Labels", tables=[_labels(inputs)]),
        Section("rows", "Rows to look at", tables=[_hardest(inputs)]),
    )


QUALITY = (
    "Labels do not exclude each other: each is a decision of its own. Before calibration, at temperature 1, "
    "labels are predicted from 0.5 on; as calibrated from their thresholds on."
)


def _splits(inputs: PageInputs) -> Table:
    splits = inputs.outputs.prepared.splits
    order = [*inputs.reported, *(name for name in splits if name not in inputs.reported)]
    rows = [
        Row(
            (
                plain(name),
                plain(splits[name].role),
                inputs.cell(f"evaluate.{name}.rows", 0),
                inputs.cell(f"evaluate.{name}.labels_per_row", 2),
                *(inputs.cell(f"evaluate.{name}.{metric}") for metric in COLUMNS),
                inputs.cell(f"evaluate.{name}.classwise_ece"),
            )
        )
        for name in order
        if inputs.find(f"evaluate.{name}.nll")
    ]
    titles = ("rows", "labels a row", *COLUMNS.values(), "classwise ECE")
    columns = (*texts("split", "role"), *numbers(*(title for title in titles)))
    return Table("Splits, before calibration", columns, rows)


def _decided(inputs: PageInputs) -> Table:
    rows = [
        Row(
            (
                plain(split),
                *(inputs.cell(f"calibrate.{split}.thresholds.{metric}") for metric in DECIDED),
                *(inputs.cell(f"calibrate.{split}.classwise_ece.{when}") for when in ("before", "after")),
                inputs.cell(f"calibrate.{split}.classwise_ece.noise_after"),
            )
        )
        for split in inputs.reported
    ]
    titles = (*DECIDED.values(), "classwise ECE, before", "after", "by noise")
    columns = (*texts("split"), *numbers(*(title for title in titles)))
    return Table("As calibrated, from thresholds on", columns, rows)


def _gain(inputs: PageInputs) -> Table:
    names = ("mean_average_precision", "macro_f1", "micro_f1", "subset_accuracy")
    cells = {
        name: inputs.differences([f"evaluate.gain.{split}.{name}" for split in inputs.reported])
        for name in names
    }
    rows = [
        Row((plain(split), *(cells[name][place] for name in names)))
        for place, split in enumerate(inputs.reported)
    ]
    titles = ("mean AP", "macro F1 from 0.5 on", "micro F1", "all labels right")
    columns = (*texts("split"), *numbers(*(title for title in titles)))
    note = "Against a linear probe of the untrained base: one logistic regression a label, the same rows."
    return Table("Gain over the untrained base", columns, rows, note)


def _labels(inputs: PageInputs) -> Table:
    """Each label: rows, average precision, threshold, and how it is predicted; the lowest F1 first."""
    found = inputs.table("calibrate/plots/labels.tsv")
    ranked = {row["label"]: row["average_precision"] for row in inputs.table("evaluate/plots/labels.tsv")}
    trained = {
        tsv_cell(label): counts for label, counts in inputs.reports["prepare"].get("classes", {}).items()
    }
    found.sort(key=lambda row: (float(row["f1"] or 1), row["label"]))
    numbers_shown = ("threshold", "precision", "recall", "f1", "ece_before", "ece_after", "floor_after")
    rows = [
        Row(
            (
                plain(row["label"]),
                plain(trained.get(row["label"], {}).get("train", "–")),
                plain(int(row["rows"])),
                _decimal(ranked.get(row["label"], "")),
                *(_decimal(row[name]) for name in numbers_shown),
            )
        )
        for row in found
    ]
    titles = (
        "train rows", "test rows", "average precision", "threshold", "precision", "recall", "F1",
        "ECE, before", "after", "noise floor",
    )  # fmt: skip
    columns = (*texts("label"), *numbers(*(title for title in titles)))
    note = "Precision, recall and F1 from the threshold on; ECE of the probability of the label."
    return Table("Labels, test", columns, rows, note, filterable=True)


def _decimal(cell: str) -> Cell:
    return plain("–") if cell == "" else Cell(f"{float(cell):.3f}", value=float(cell))


def _hardest(inputs: PageInputs) -> Table:
    found = inputs.table("evaluate/plots/hardest.tsv")[:ROWS_SHOWN]
    pictures = row_pictures(inputs, [("test", row["id"]) for row in found])
    rows = [
        Row(
            (
                content(pictures, "test", row),
                *(plain(row[name]) for name in ("labels", "missed", "wrongly")),
                _decimal(row["nll"]),
                plain(row["id"]),
            )
        )
        for row in found
    ]
    columns = (
        *texts("row", "labels", "not predicted", "wrongly predicted"),
        *numbers("NLL of a label"),
        *texts("id"),
    )
    note = "Test rows with the largest loss, before calibration. Either the model or the labels are wrong."
    return Table("Hardest rows, test", columns, rows, note, filterable=True)
