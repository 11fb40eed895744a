"""What the page shows of slices of the test split, and of the test split under perturbations."""

from collections.abc import Mapping

from teacherspec.package.classification.page_cells import (
    decimal,
    measurement,
    p_value,
    share_cell,
    test_accuracy,
)
from teacherspec.package.page.content import Cell, Row, Table, number, numbers, plain, texts
from teacherspec.package.page.page_inputs import PageInputs

SLICES_SHOWN = 100
"""Slices on the page at most; `slices.tsv` holds all."""


def slices_table(inputs: PageInputs) -> Table:
    """Slices, the weakest first, with their calibration."""
    signed = {row["slice"]: row for row in inputs.table("calibrate/plots/slices.tsv")}
    found = inputs.table("evaluate/plots/slices.tsv")
    rows = [
        Row(
            (
                plain(row["slice"]),
                plain(row["family"]),
                plain(int(row["rows"])),
                share_cell(row, ("accuracy", "low", "high"), test_accuracy(inputs)),
                decimal(row["elsewhere"]),
                p_value(row["q_value"]),
                _overconfidence(signed.get(row["slice"])),
            ),
            row["weak"] == "true",
        )
        for row in found[:SLICES_SHOWN]
    ]
    columns = (
        *texts("slice", "kind"),
        *numbers("rows", "accuracy", "elsewhere", "adjusted p", "confidence − accuracy"),
    )
    more = len(found) - len(rows)
    note = (
        "Parts of the test split against the rest of it, by Fisher's exact test; coloured where weaker, "
        f"adjusted p at most {inputs.evaluating.false_discovery_rate:g}. Predictions of low confidence "
        "should be wrong more often. The last column is as calibrated."
    )
    note += f" {more:,} more are in `reports/evaluate/plots/slices.tsv`." if more else ""
    return Table("Slices, test", columns, rows, note, filterable=True)


def _overconfidence(row: Mapping[str, str] | None) -> Cell:
    found = None if row is None else measurement(row, "signed_after", "low", "high")
    return number(found)


def robustness_table(inputs: PageInputs) -> Table:
    """Quality under each perturbation."""
    level = inputs.evaluating.false_discovery_rate
    rows = [
        Row(
            (
                plain(row["perturbation"]),
                plain(int(row["changed"])),
                inputs.share(f"evaluate.robustness.{row['perturbation']}.accuracy", test_accuracy(inputs)),
                inputs.cell(f"evaluate.robustness.{row['perturbation']}.flip_rate"),
                plain(int(row["right_to_wrong"])),
                plain(int(row["wrong_to_right"])),
                p_value(row["q_value"]),
            ),
            worsens(row, level),
        )
        for row in inputs.table("evaluate/plots/robustness.tsv")
    ]
    columns = (
        *texts("perturbation"),
        *numbers(
            "rows changed", "accuracy", "flipped predictions", "right → wrong", "wrong → right", "adjusted p"
        ),
    )
    note = "The test split, changed in ways under which a person would answer the same (exact McNemar test)."
    return Table("Robustness, test", columns, rows, note)


def worsens(row: Mapping[str, str], false_discovery_rate: float) -> bool:
    """Whether a perturbation significantly makes right predictions wrong."""
    return float(row["q_value"]) <= false_discovery_rate and int(row["right_to_wrong"]) > int(
        row["wrong_to_right"]
    )
