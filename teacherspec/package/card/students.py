"""What the teacher was worth to small students, as a section of the card."""

from collections.abc import Mapping
from typing import Any

from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.card.probe_numbers import points, probed_sets, recommendation
from teacherspec.package.stage_outputs import LIFT_PLOT, StageOutputs

SURE = {True: "**lifts**", False: "not shown"}


def students_section(outputs: StageOutputs) -> str:
    """Lift of the first student on each set; empty where no student was probed."""
    probed = outputs.reports["probe"]
    if not probed:
        return ""
    rows = [
        (
            name,
            f"{found['labels_only']['accuracy']:.3f}",
            f"{found['taught']['accuracy']:.3f}",
            points(found["lift"]),
            SURE[bool(found["lifts"])],
            f"{found['labels_only']['nll']:.3f} → {found['taught']['nll']:.3f}",
            f"{found['labels_only']['ece']:.3f} → {found['taught']['ece']:.3f}",
            f"{found['retention']:.0%}",
        )
        for name, found in probed_sets(probed).items()
    ]
    columns = (
        "split",
        "labels only",
        "taught",
        "lift, points",
        "",
        "NLL",
        "ECE",
        "of the teacher",
    )
    student = probed["student"]
    return (
        f"## Worth to a student\n\nThe same small student ({student['parameters']:,} parameters, "
        f"{student['rows']:,} rows) with labels only and taught by this teacher, paired over seeds and rows. "
        f"{recommendation(probed)} Epochs and arms were chosen on validation and calibration rows.\n\n"
        f"{markdown_table(columns, rows)}{_fewer(probed)}\n\n"
        f"![Lift of every way to teach, with intervals](eval/{LIFT_PLOT})"
    )


def _fewer(probed: Mapping[str, Any]) -> str:
    """The lift with the smallest budget of rows."""
    lifts = [
        f"{points(found['fewer_rows']['lift'])} points on {name}"
        for name, found in probed_sets(probed).items()
        if "fewer_rows" in found
    ]
    return f"\n\nWith the smallest budget of rows the lift is {', '.join(lifts)}." if lifts else ""
