"""The most important changes of a comparison, one Markdown line each."""

import re
from collections.abc import Iterator

from teacherspec.compare.compare import TeacherDiff
from teacherspec.compare.merge_base import MissingCommits
from teacherspec.compare.paired_tests import PairedTest
from teacherspec.compare.report.directions import seed_verdict, verdict
from teacherspec.compare.report.formatting import difference, measured, number, over_seeds, p_value, several
from teacherspec.compare.reported_numbers import Number
from teacherspec.compare.seed_noise import SeedComparison
from teacherspec.runtime.escaping import markdown_code as code

LIFT = re.compile(r"probe\.[a-z0-9_]+\.lift")
"""Lift of the first student on a set."""

HEADLINES = (
    "evaluate.test.nll_per_answer",
    "evaluate.test.accuracy",
    "evaluate.shifted.accuracy",
    "evaluate.test.generated.exact_match",
    "evaluate.test.image_to_text.recall_at_1",
    "evaluate.test.text_to_image.recall_at_1",
    "calibrate.test.nll.after",
    "calibrate.test.ece.after",
)
"""Metrics whose change is a headline."""


def headlines(diff: TeacherDiff) -> Iterator[str]:
    """The most important changes, one line each."""
    if diff.missing_commits:
        yield f"- {_missing_commits(diff.missing_commits)}"
    yield from _gates(diff)
    yield from _another_base(diff)
    yield from _gain(diff)
    yield from _lift(diff)
    yield from _abstention(diff)
    yield from _predictions(diff)
    yield from _builds(diff)
    if diff.not_compared:
        yield f"- {several(len(diff.not_compared), 'thing')} could not be compared: see the end"


def _gates(diff: TeacherDiff) -> Iterator[str]:
    failed = [code(gate.metric) for gate in diff.gates if gate.state in {"fails", "now fails"}]
    loosened = [code(gate.metric) for gate in diff.gates if gate.loosened]
    if failed:
        yield f"- **not ready**: fails {', '.join(failed)}"
    elif diff.gates:
        yield "- **ready**: passes every gate"
    if loosened:
        yield f"- **loosened gates**: {', '.join(loosened)}"


def _another_base(diff: TeacherDiff) -> Iterator[str]:
    if change := diff.another_base:
        sides = " → ".join("none" if side is None else code(side) for side in (change.before, change.after))
        choice = f"; {code(change.choice)}" if change.choice else ""
        yield f"- **another base**: {sides}{choice}"


def _predictions(diff: TeacherDiff) -> Iterator[str]:
    found = diff.predictions
    if diff.same_predictions:
        yield "- predictions and calibration are the same bytes"
    for test in found.tests:
        if test.metric in HEADLINES:
            yield f"- {_test(test)}"
    for seeds in diff.seeds:
        if seeds.metric in HEADLINES:
            yield f"- {_seeds(seeds)}"
    if found.unchanged:
        yield f"- {several(len(found.unchanged), 'metric')} equal on every row, so not tested"
    for flips in found.flips:
        if flips.any:
            yield (
                f"- {code(flips.split)}: {several(len(flips.right_to_wrong), 'row')} right → wrong, "
                f"{len(flips.wrong_to_right)} wrong → right, of {flips.rows}"
            )
        else:
            yield f"- {code(flips.split)}: the same rows are right as before, of {flips.rows}"


def _builds(diff: TeacherDiff) -> Iterator[str]:
    rebuilt = [build.stage for build in diff.stages if build.state not in {"reused", "stale"}]
    yield f"- rebuilt: {', '.join(map(code, rebuilt)) or 'nothing'}"
    if stale := [build.stage for build in diff.stages if build.since]:
        yield f"- **stale**: {', '.join(map(code, stale))}; inputs changed since the last run"


def _missing_commits(missing: MissingCommits) -> str:
    """What the head revision lacks of the base, and whether the comparison shows it."""
    lacks = f"{code(missing.branch)} has {several(missing.commits, 'commit')} that the other side lacks"
    if missing.shown:
        return f"**{lacks}**: what they changed appears here undone"
    return (
        f"{lacks}; compared from the last common commit, so what they changed is not shown (`--direct` "
        f"compares with {code(missing.branch)} itself)"
    )


def _gain(diff: TeacherDiff) -> Iterator[str]:
    """What each side gained over its untrained base: accuracy on every set, exact match of answers."""
    for found in diff.numbers:
        if found.metric.startswith("evaluate.gain.") and found.metric.endswith((".accuracy", ".exact_match")):
            yield f"- {code(found.metric)} over the untrained base: {_sides(found)}"


def _seeds(found: SeedComparison) -> str:
    return (
        f"{code(found.metric)} over seeds {over_seeds(found.before)} → {over_seeds(found.after)}: "
        f"**{seed_verdict(found)}**, {difference(found.difference)}"
    )


def _lift(diff: TeacherDiff) -> Iterator[str]:
    """What each side is worth to a small student, on every set that is reported."""
    for found in diff.numbers:
        if LIFT.fullmatch(found.metric):
            yield f"- {code(found.metric)} of a student over labels only: {_sides(found)}"


def _abstention(diff: TeacherDiff) -> Iterator[str]:
    """Which share of the rows each side answers, where it changed."""
    for found in diff.numbers:
        if found.metric.endswith(".abstention.coverage") and found.differs:
            none = found.after is not None and found.after.value == 0
            warning = ": **abstains from every row**, as no confidence is proven" if none else ""
            yield f"- {code(found.metric)}, the share not abstained from: {_sides(found)}{warning}"


def _sides(found: Number) -> str:
    before, after = measured(found.before), measured(found.after)
    return f"{after}, as before" if before == after else f"{before} → {after}"


def _test(test: PairedTest) -> str:
    found = verdict(test)
    return (
        f"{code(test.metric)} {number(test.before)} → {number(test.after)}: "
        f"{f'**{found}**' if test.differs else found}, {difference(test.difference)}, "
        f"q = {p_value(test.q_value)}".replace("= <", "<")
    )
