"""What the stage writes: numbers, tables and plots in git, scores of rows as an artifact."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from teacherspec.plots.probe import CurvePanel, LiftLine, Part, curves_figure, lift_figure
from teacherspec.plots.style import drawing, save_png
from teacherspec.predictions.classification import SliceRows
from teacherspec.probe.arms import HARD
from teacherspec.probe.report import tables
from teacherspec.probe.report.measured import Measured, metrics
from teacherspec.runtime.atomic_io import new_folder, round_floats, write_json, write_parquet, write_tsv
from teacherspec.runtime.headline_metrics import write_headline
from teacherspec.spec.probe.probe import Probe

HEADLINE = (
    "*.lift", "*.lifts", "*.nll_gain", "*.over_smoothing", "recommended.*", "student.rank_surprisal.ratio",
)  # fmt: skip
"""Names of the numbers of `headline.json`, besides the score of the student with and without the teacher."""


def write_report(
    output: Path,
    report: Path,
    section: Probe,
    measured: Sequence[Measured],
    slices: Sequence[SliceRows],
    test_ids: Sequence[str],
) -> None:
    """Write `rows/<student>.parquet` to `output`; to `report` tables, plots, headline, last `metrics.json`.

    Args:
        output: folder to create.
        report: folder of the reports.
        section: `params.yaml: probe`.
        measured: of each student; none where nothing was declared, which leaves tables without rows.
        slices: of the test split.
        test_ids: ids of its rows, in the order that slices count.
    """
    import pyarrow as pa

    with new_folder(output) as folder:
        write_json(folder / "students.json", [one.outcome.name for one in measured])
        for place, one in enumerate(measured, 1):
            write_parquet(folder / f"student_{place}.parquet", pa.table(dict(tables.row_columns(one))))
    write_tsv(report / "arms.tsv", tables.ARM_COLUMNS, list(tables.arm_rows(measured)))
    with new_folder(report / "plots") as plots:
        write_tsv(plots / "curves.tsv", tables.CURVE_COLUMNS, list(tables.curve_rows(measured)))
        by_slice = tables.slice_rows(measured, slices, test_ids, section.confidence)
        write_tsv(plots / "slices.tsv", tables.SLICE_COLUMNS, list(by_slice))
        if measured:
            _draw(plots, section, measured)
    found = metrics(measured)
    scores = [
        f"*.{taught}.{one.outcome.score}" for one in measured[:1] for taught in ("taught", "labels_only")
    ]
    write_headline(report, found, (*HEADLINE, *scores))
    write_json(report / "metrics.json", round_floats(found))


def _draw(folder: Path, section: Probe, measured: Sequence[Measured]) -> None:
    """`lift.png` and `curves.png`: the first student."""
    first = measured[0]
    with drawing():
        save_png(lift_figure(_arms(first), _sets(measured), section.smallest_lift), folder / "lift.png")
        save_png(curves_figure(_curves(first), first.outcome.score.replace("_", " ")), folder / "curves.png")


def _arms(one: Measured) -> list[LiftLine]:
    """Every arm on test but `hard`, which has no lift over itself."""
    on_test = next(iter(one.lifts.values()))[-1]
    return [
        LiftLine(arm.name, on_test.arms[arm.name].lift.interval, _role(one, arm.name))
        for arm in one.outcome.arms
        if arm.name != HARD
    ]


def _role(one: Measured, name: str) -> Part:
    (arm,) = (arm for arm in one.outcome.arms if arm.name == name)
    return "control" if arm.is_control else "recommended" if arm == one.recommended else "other"


def _sets(measured: Sequence[Measured]) -> list[LiftLine]:
    """The recommended arm of every student on every set with each budget."""
    several = len(measured) > 1
    return [
        LiftLine(
            f"{f'{one.outcome.name}, ' if several else ''}{name}, {trained.rows:,} rows",
            found.lift.interval,
            "recommended",
        )
        for one in measured
        for name, lifts in one.lifts.items()
        for trained, found in reversed(list(zip(one.outcome.budgets, lifts, strict=True)))
    ]


def _curves(one: Measured) -> list[CurvePanel]:
    """A panel a reported set."""
    rows: list[Any] = list(tables.curve_rows([one]))
    panels = []
    for name in one.lifts:
        lines: dict[tuple[int, bool], list[tuple[int, float]]] = {}
        for _, train_rows, of_set, arm, epoch, score, _ in rows:
            if of_set == name:
                lines.setdefault((train_rows, arm == HARD), []).append((epoch, score))
        panels.append(CurvePanel(name, one.recommended.name, lines))
    return panels
