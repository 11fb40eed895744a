"""Cells of the page from the tables of a classifier."""

from collections.abc import Mapping, Sequence

from teacherspec.package.page.content import MISSING, Cell, number, share_strip
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.quality_gates import Measurement


def measurement(row: Mapping[str, str], *names: str) -> Measurement | None:
    """Value and ends of an interval in these columns; None where a cell is empty."""
    values = [row[name] for name in names]
    return Measurement(*map(float, values)) if all(values) else None


def decimal(text: str, digits: int = 3) -> Cell:
    """A number of a table."""
    return number(Measurement(float(text)), digits) if text else MISSING


def share_cell(row: Mapping[str, str], names: Sequence[str], reference: float) -> Cell:
    """A share of a table with a picture of its interval, from the columns of value and ends."""
    found = measurement(row, *names)
    return MISSING if found is None else share_strip(number(found), found, reference)


def test_accuracy(inputs: PageInputs) -> float:
    """Accuracy on the test split, with which parts of it are compared."""
    return inputs.outputs.number("evaluate.test.accuracy").value


def weak_labels(inputs: PageInputs) -> frozenset[str]:
    """Slices that a test calls weaker than the rest."""
    return frozenset(
        row["slice"] for row in inputs.table("evaluate/plots/slices.tsv") if row["weak"] == "true"
    )


def p_value(text: str) -> Cell:
    """A p-value of a table."""
    value = float(text)
    return Cell(f"{value:.2g}" if value >= 1e-4 else "< 0.0001", value=value)
