"""What the page shows of a classifier: splits, classes, confusions, rows to look at, slices, robustness."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from teacherspec.package.classification.page_cells import decimal, share_cell, test_accuracy, weak_labels
from teacherspec.package.classification.page_slices import robustness_table, slices_table
from teacherspec.package.page.content import (
    MISSING,
    Cell,
    Headline,
    Row,
    Section,
    Table,
    number,
    numbers,
    plain,
    texts,
)
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.page.rows import content, row_pictures
from teacherspec.package.quality_gates import Measurement
from teacherspec.runtime.escaping import tsv_cell

SUSPECTS_SHOWN, CONFUSIONS_SHOWN = 50, 200
"""Likely label errors and confusions on the page at most; `reports/evaluate/plots` holds more."""

METRICS = (
    ("accuracy", "accuracy"),
    ("macro_f1", "macro F1"),
    ("nll", "NLL"),
    ("brier", "Brier"),
    ("ece", "ECE"),
)

SHARES = (
    ("accuracy", "agreement"),
    ("cross_entropy", "cross-entropy"),
    ("kl", "KL"),
    ("brier", "Brier"),
    ("ece", "ECE"),
    ("disagreement", "disagreement"),
)
"""Metrics of a split, and their titles."""

KINDS = {
    "confidently_wrong": (
        "Confidently wrong",
        "confidence",
        "Misclassified test rows, the most confident first.",
    ),
    "undecided": (
        "Undecided",
        "margin",
        "Test rows with the smallest margin between the two likeliest labels.",
    ),
}
"""Kind of example → its title, the number that orders it, and what it is."""


def headlines(inputs: PageInputs) -> Iterable[Headline]:
    """Accuracy and macro F1."""
    rows = inputs.cell("evaluate.test.rows", 0).text
    yield Headline("accuracy, test", inputs.cell("evaluate.test.accuracy"), f"{rows} rows")
    if inputs.reported[1:]:
        split = inputs.reported[1]
        yield Headline(
            f"accuracy, {split}", inputs.cell(f"evaluate.{split}.accuracy"), "the same labels, other rows"
        )


def sections(inputs: PageInputs) -> Sequence[Section]:
    """Everything that only classification has."""
    hard, suspects = (
        inputs.table("evaluate/plots/hardest.tsv"),
        inputs.table("evaluate/plots/label_errors.tsv"),
    )
    shown = suspects[:SUSPECTS_SHOWN]
    wanted = [("test", row["id"]) for row in hard] + [(row["split"], row["id"]) for row in shown]
    pictures = row_pictures(inputs, wanted)
    return (
        Section("quality", "Quality", (QUALITY,), tables=[_splits(inputs), *_shares(inputs)]),
        Section("classes", "Classes and confusions", tables=[_classes(inputs), _confusions(inputs)]),
        Section(
            "rows",
            "Rows to look at",
            tables=[*(_examples(kind, hard, pictures) for kind in KINDS), _suspects(suspects, pictures)],
        ),
        Section(
            "slices",
            "Slices and robustness",
            tables=[one for one in (slices_table(inputs), robustness_table(inputs)) if one.rows],
        ),
    )


QUALITY = (
    "Before calibration, at temperature 1. The weights were fitted on train and the checkpoint was chosen on "
    "validation; what counts is test and, beyond its distribution, shifted sets."
)


def _splits(inputs: PageInputs) -> Table:
    splits = inputs.outputs.prepared.splits
    order = [*inputs.reported, *(name for name in splits if name not in inputs.reported)]
    names = [name for name in (*order, "out_of_fold") if inputs.find(f"evaluate.{name}.rows")]
    places = [
        (title, splits[name].role if name in splits else "train", place, count)
        for name in names
        for title, place, count in (
            (name, f"evaluate.{name}", "rows"),
            (f"{name}, weighted", f"evaluate.{name}.weighted", "effective_rows"),
        )
        if inputs.find(f"{place}.{count}")
    ]
    rows = [
        Row(
            (
                plain(title),
                plain(role),
                inputs.cell(f"{place}.{count}", 0),
                *(inputs.cell(f"{place}.{metric}") for metric, _ in METRICS),
            )
        )
        for title, role, place, count in places
    ]
    columns = (
        *texts("split", "role"),
        *numbers("rows"),
        *numbers(*(title for _, title in METRICS)),
    )
    return Table("Splits", columns, rows)


def _shares(inputs: PageInputs) -> list[Table]:
    """Agreement with the shares of labels, such as annotators' votes; none where rows have a label alone."""
    names = (*inputs.outputs.prepared.splits, "out_of_fold")
    found = {name: f"evaluate.{name}.label_distribution" for name in names}
    rows = [
        Row((plain(name), *(inputs.cell(f"{place}.{metric}") for metric, _ in SHARES)))
        for name, place in found.items()
        if inputs.find(f"{place}.disagreement")
    ]
    columns = (*texts("split"), *numbers(*(title for _, title in SHARES)))
    return [Table("Against the shares of labels", columns, rows)] if rows else []


def _classes(inputs: PageInputs) -> Table:
    """Quality of each class, its rows in train, and its calibration; the lowest recall first."""
    found = inputs.table("evaluate/plots/classes.tsv")
    trained = {
        tsv_cell(label): counts for label, counts in inputs.reports["prepare"].get("classes", {}).items()
    }
    errors = {row["label"]: row["ece_after"] for row in inputs.table("calibrate/plots/classes.tsv")}
    weak = weak_labels(inputs)
    found.sort(key=lambda row: (float(row["recall"] or 1), row["label"]))
    rows = [
        Row(
            (
                plain(row["label"]),
                _count(trained.get(row["label"], {}).get("train")),
                plain(int(row["support"])),
                share_cell(row, ("recall", "recall_low", "recall_high"), test_accuracy(inputs)),
                share_cell(row, ("precision", "precision_low", "precision_high"), test_accuracy(inputs)),
                decimal(row["f1"]),
                decimal(errors.get(row["label"], "")),
            ),
            f"label = {row['label']}" in weak,
        )
        for row in found
    ]
    columns = (
        *texts("label"),
        *numbers("train rows", "test rows", "recall", "precision", "F1", "ECE as calibrated"),
    )
    note = "The tick marks test accuracy. Coloured: significantly weaker than the other classes."
    return Table("Classes, test", columns, rows, note, filterable=True)


def _count(rows: int | None) -> Cell:
    return MISSING if rows is None else plain(rows)


def confusions(inputs: PageInputs) -> list[tuple[tuple[str, str], int]]:
    """(label, predicted) → rows of test, the most frequent first."""
    found = Counter((row["label"], row["predicted"]) for row in inputs.table("evaluate/plots/confusion.tsv"))
    wrong = {pair: rows for pair, rows in found.items() if pair[0] != pair[1]}
    return sorted(wrong.items(), key=lambda entry: (-entry[1], entry[0]))


def _confusions(inputs: PageInputs) -> Table:
    support = Counter(row["label"] for row in inputs.table("evaluate/plots/confusion.tsv"))
    found = confusions(inputs)
    rows = [
        Row((plain(label), plain(taken), plain(count), number(Measurement(count / support[label]))))
        for (label, taken), count in found[:CONFUSIONS_SHOWN]
    ]
    more = len(found) - len(rows)
    note = f"{more:,} rarer ones are in `reports/evaluate/plots/confusion.tsv`." if more else ""
    columns = (*texts("label", "taken for"), *numbers("rows", "share of the label"))
    return Table("Confusions, test", columns, rows, note, filterable=True)


def _examples(
    kind: str, found: Sequence[Mapping[str, str]], pictures: Mapping[tuple[str, str], str]
) -> Table:
    title, measure, note = KINDS[kind]
    rows = [
        Row(
            (
                content(pictures, "test", row),
                plain(row["label"]),
                plain(row["predicted"]),
                decimal(row[measure]),
                plain(row["id"]),
            )
        )
        for row in found
        if row["kind"] == kind
    ]
    columns = (*texts("row", "label", "predicted"), *numbers(measure), *texts("id"))
    return Table(title, columns, rows, note, filterable=True)


def _suspects(found: Sequence[Mapping[str, str]], pictures: Mapping[tuple[str, str], str]) -> Table:
    rows = [
        Row(
            (
                content(pictures, row["split"], row),
                plain(row["label"]),
                decimal(row["label_probability"]),
                plain(row["suggested"]),
                decimal(row["suggested_probability"]),
                plain(row["split"]),
                plain(row["id"]),
            )
        )
        for row in found[:SUSPECTS_SHOWN]
    ]
    columns = (
        *texts("row", "label"),
        *numbers("its probability"),
        *texts("predicted"),
        *numbers("its probability"),
        *texts("split", "id"),
    )
    more = len(found) - len(rows)
    note = (
        "Rows that no weight was fitted on and that the model confidently predicts as another class "
        "(confident learning), the most suspicious first. Either the model or the label is wrong; a person "
        "has to decide."
    )
    note += f" {more:,} more are in `reports/evaluate/plots/label_errors.tsv`." if more else ""
    return Table("Likely label errors", columns, rows, note, filterable=True)
