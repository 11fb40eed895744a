"""The comparison as Markdown: for a pull request, the summary of a workflow, or a terminal."""

from collections.abc import Iterator, Sequence
from html import escape

from teacherspec.compare.compare import TeacherDiff, without_texts
from teacherspec.compare.flips_and_slices import Flip, Flips, GroupChange
from teacherspec.compare.paired_tests import PairedTest
from teacherspec.compare.params_diff import Change
from teacherspec.compare.report.calibration_table import calibration_rows
from teacherspec.compare.report.directions import seed_verdict, verdict
from teacherspec.compare.report.formatting import (
    difference,
    measured,
    number,
    over_seeds,
    p_value,
    several,
    signed,
)
from teacherspec.compare.report.headlines import headlines
from teacherspec.compare.report.markdown_tables import folded, table
from teacherspec.compare.stage_changes import STATES
from teacherspec.prepare.dataset_diff import changes_as_markdown
from teacherspec.runtime.escaping import cut
from teacherspec.runtime.escaping import markdown_code as code

EXAMPLES = 5
"""Flipped rows shown for each direction."""

LONGEST_NOTE = 600
"""Characters of a note about what could not be compared; longer ones are cut."""


def as_markdown(diff: TeacherDiff, *, texts: bool = True) -> str:
    """The whole comparison.

    Args:
        diff: the comparison.
        texts: whether to show the content of flipped rows.
    """
    diff = diff if texts else without_texts(diff)
    sections = {
        "Params": _changes(diff.params),
        "Gates": _gates(diff),
        "Metrics on the same rows": _tests(diff),
        "Over seeds": _seeds(diff),
        "Flipped rows": (line for flips in diff.predictions.flips for line in _flips(flips)),
        "Classes and slices": _groups(diff),
        "Calibration": _calibration(diff),
        "Data": _data(diff),
        "Environment": _changes(diff.environment),
        "Stages": _stages(diff),
        "All numbers": _numbers(diff),
        "Images that changed": (f"- {code(image.path)}" for image in diff.images),
        "Could not be compared": (f"- {code(line, LONGEST_NOTE)}" for line in diff.not_compared),
    }
    lines = [f"# Teacher: {code(diff.base)} → {code(diff.head)}", "", *headlines(diff)]
    for title, content in sections.items():
        found = list(content)
        if found:
            lines += ["", f"## {title}", "", *found]
    return "\n".join(lines) + "\n"


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    return table(("", "before", "after"), ([code(c.name), code(c.before), code(c.after)] for c in changes))


def _gates(diff: TeacherDiff) -> Iterator[str]:
    marks = {"fails": "**fails**", "now fails": "**now fails**", "now passes": "**now passes**"}
    return table(
        ("gate", "limit", "measured", "", "reason"),
        (
            [
                code(gate.metric),
                f"{_pair(*gate.limits)}{' **loosened**' if gate.loosened else ''}",
                _pair(*gate.measured),
                marks.get(gate.state, gate.state),
                gate.reason,
            ]
            for gate in diff.gates
        ),
    )


def _pair(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"


def _tests(diff: TeacherDiff) -> Iterator[str]:
    tests = diff.predictions.tests
    differing = [test for test in tests if test.differs]
    yield from _test_table(differing)
    if not differing and (tests or diff.predictions.unchanged):
        yield "None changed significantly."
    others = [test for test in tests if not test.differs]
    yield from folded(f"{several(len(others), 'metric')} without a clear change", _test_table(others))
    if tests:
        yield ""
        yield (
            "Shares of rows: McNemar's exact test; the others: paired bootstrap over rows, or over images "
            "where these have several texts. q: p adjusted over these metrics (Benjamini–Hochberg); *better* "
            "and *worse* where q ≤ 0.05."
        )
    unchanged = diff.predictions.unchanged
    title = f"{several(len(unchanged), 'metric')} equal on every row, so not tested"
    yield from folded(title, [", ".join(map(code, unchanged))] if unchanged else [])
    for split, rows in diff.predictions.left_out.items():
        yield f"Rows of {code(split)} not paired (new, removed, edited or relabelled): {rows}."


def _test_table(tests: Sequence[PairedTest]) -> Iterator[str]:
    return table(
        ("metric", "", "before:", "after:", "change (95 %):", "q:", "rows:"),
        (
            [
                code(test.metric), f"**{verdict(test)}**" if test.differs else verdict(test),
                number(test.before), number(test.after), difference(test.difference),
                p_value(test.q_value), str(test.rows),
            ]
            for test in tests
        ),
    )  # fmt: skip


def _seeds(diff: TeacherDiff) -> Iterator[str]:
    yield from table(
        ("metric", "", "before:", "after:", "change of the mean (95 %):", "q:"),
        (
            [
                code(one.metric), seed_verdict(one), over_seeds(one.before), over_seeds(one.after),
                difference(one.difference), p_value(one.q_value),
            ]
            for one in diff.seeds
        ),
    )  # fmt: skip
    if diff.seeds:
        yield ""
        yield (
            "Mean ± standard deviation (number of trainings). Whether the recipes differ, not only the two "
            "packaged models: Student's t (Welch), on the same rows; one training counts as a draw with the "
            "spread of the other side."
        )


def _flips(flips: Flips) -> Iterator[str]:
    for title, rows in (("right → wrong", flips.right_to_wrong), ("wrong → right", flips.wrong_to_right)):
        if not rows:
            continue
        shown = rows[:EXAMPLES]
        texts = any(flip.text for flip in shown)
        head = f"{escape(cut(flips.split))}: {len(rows)} {title}"
        columns = ("id", "label", "before", "after", *(("text",) if texts else ()))
        yield from folded(
            head if len(rows) <= EXAMPLES else f"{head}, the {EXAMPLES} most confident",
            table(columns, (_flip(flip, texts) for flip in shown)),
        )


def _flip(flip: Flip, texts: bool) -> list[str]:
    predicted = [f"{code(label)} {confidence:.2f}" for label, confidence in (flip.before, flip.after)]
    return [code(flip.id), code(flip.label), *predicted, *([code(flip.text)] if texts else [])]


def _groups(diff: TeacherDiff) -> Iterator[str]:
    for name, groups in (("Classes", diff.predictions.classes), ("Slices", diff.predictions.slices)):
        if not any(group.changed for group in groups):
            continue
        significant = [group for group in groups if group.significant]
        yield (
            f"{name}: {len(significant)} of {len(groups)} changed significantly (McNemar's exact test, "
            "Benjamini–Hochberg, q ≤ 0.05)."
        )
        yield ""
        yield from _group_table(significant)
        others = [group for group in groups if not group.significant and group.differs]
        yield from folded(f"{name} whose change is not significant", _group_table(others))


def _group_table(groups: Sequence[GroupChange]) -> Iterator[str]:
    return table(
        ("", "rows:", "accuracy before:", "after:", "right → wrong:", "wrong → right:", "q:"),
        (
            [
                code(group.name), str(group.rows), number(group.before), number(group.after),
                str(group.right_to_wrong), str(group.wrong_to_right), p_value(group.q_value),
            ]
            for group in groups
        ),
    )  # fmt: skip


def _calibration(diff: TeacherDiff) -> Iterator[str]:
    """Each calibration metric, raw and calibrated, on the base and on the head revision."""
    rows = ([code(name), *sides] for name, *sides in calibration_rows(diff.numbers))
    return table(("raw → calibrated", "before", "after"), rows)


def _data(diff: TeacherDiff) -> Iterator[str]:
    if diff.same_data:
        yield "The prepared rows are the same bytes."
    elif diff.data is not None:
        moved = len(diff.data.moved)
        yield ("No row changed its split." if not moved else f"**{several(moved, 'row')} changed split.**")
        yield ""
        yield from changes_as_markdown(diff.data).splitlines()


def _stages(diff: TeacherDiff) -> Iterator[str]:
    return table(
        ("stage", "", "changed inputs"),
        (
            [code(build.stage), STATES[build.state], "; ".join(map(code, build.changed_inputs))]
            for build in diff.stages
        ),
    )


def _numbers(diff: TeacherDiff) -> Iterator[str]:
    rows = [
        [
            code(found.metric), measured(found.before), measured(found.after),
            "" if found.change is None else signed(round(found.change, 9)),
        ]
        for found in diff.numbers
        if found.before != found.after
    ]  # fmt: skip
    same = len(diff.numbers) - len(rows)
    title = f"{several(len(rows), 'number')} changed, {same} did not; intervals are those of each side alone"
    return folded(title, table(("", "before:", "after:", "change:"), rows))
