"""What the teacher was worth to small students, as a section of the card."""

from collections.abc import Mapping
from typing import Any

from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.card.probe_numbers import SCORES, points, probed_sets, recommendation, score_name
from teacherspec.package.stage_outputs import LIFT_PLOT, StageOutputs

LOSSES = {"nll": "NLL", "ece": "ECE"}

SURE = {True: "**lifts**", False: "not shown"}


def students_section(outputs: StageOutputs) -> str:
    """Lift of the first student on each set; empty where no student was probed."""
    probed = outputs.reports["probe"]
    if not probed:
        return ""
    score, smoothed = score_name(probed), "over_smoothing" in probed["test"]
    losses = [name for name in LOSSES if name in probed["test"]["taught"]]
    rows = [
        (
            name,
            f"{found['labels_only'][score]:.3f}",
            f"{found['taught'][score]:.3f}",
            points(found["lift"]),
            *([points(found["over_smoothing"])] if smoothed else []),
            SURE[bool(found["lifts"])],
            *(f"{found['labels_only'][loss]:.3f} → {found['taught'][loss]:.3f}" for loss in losses),
            f"{found['retention']:.0%}",
        )
        for name, found in probed_sets(probed).items()
    ]
    columns = (
        "split",
        f"{SCORES[score]}, labels only",
        "taught",
        "lift, points",
        *(["over smoothed labels"] if smoothed else []),
        "",
        *(LOSSES[loss] for loss in losses),
        "of the teacher",
    )
    student = probed["student"]
    return (
        f"## Worth to a student\n\nThe same small student ({student['parameters']:,} parameters, "
        f"{student['rows']:,} rows) with labels only and taught by this teacher, paired over seeds and rows. "
        f"{recommendation(probed)} Epochs and arms were chosen on validation and calibration rows.\n\n"
        f"{markdown_table(columns, rows)}{_fewer(probed)}{_ranks(student)}\n\n"
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


def _ranks(student: Mapping[str, Any]) -> str:
    """How a pre-trained student ranks the teacher's answers."""
    found = student.get("rank_surprisal")
    if not found:
        return ""
    ratio = found["ratio"]
    return (
        f"\n\nBefore training, the tokens of {found['answers']} answers of the teacher have the mean rank "
        f"{found['rank']:.1f} and the surprisal {found['surprisal']:.2f} nats under it: a rank-surprisal "
        f"ratio of {ratio['value']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f}), low being good."
    )
