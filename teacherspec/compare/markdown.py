"""The comparison as Markdown: for a pull request, the summary of a workflow, or a terminal."""

from collections.abc import Iterable, Iterator, Sequence

from teacherspec.compare.compare import Review, without_texts
from teacherspec.compare.flips_and_slices import Flip, Flips, Part
from teacherspec.compare.formatting import code, difference, measured, number, p_value, several, signed
from teacherspec.compare.paired_tests import PairedTest
from teacherspec.compare.params_diff import Change
from teacherspec.compare.stage_changes import STATES
from teacherspec.prepare.dataset_diff import changes_as_markdown

EXAMPLES = 5
"""Flipped rows shown for each direction."""

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
"""Metrics told above the first table."""


def as_markdown(review: Review, *, texts: bool = True) -> str:
    """The whole comparison.

    Args:
        review: what to tell.
        texts: whether to show the content of flipped rows.
    """
    review = review if texts else without_texts(review)
    sections = {
        "Params": _changes(review.params),
        "Gates": _gates(review),
        "Metrics on the same rows": _tests(review),
        "Flipped rows": (line for flips in review.answered.flips for line in _flips(flips)),
        "Classes and slices": _parts(review),
        "Calibration": _calibration(review),
        "Data": _data(review),
        "Environment": _changes(review.environment),
        "Stages": _stages(review),
        "All numbers": _numbers(review),
        "Pictures that changed": (f"- {code(picture.path)}" for picture in review.pictures),
        "Could not be compared": (f"- {line}" for line in review.not_compared),
    }
    lines = [f"# Teacher: {code(review.base)} → {code(review.head)}", "", *headlines(review)]
    for title, content in sections.items():
        found = list(content)
        if found:
            lines += ["", f"## {title}", "", *found]
    return "\n".join(lines) + "\n"


def headlines(review: Review) -> Iterator[str]:
    """What a reader in a hurry must know, one line each."""
    missed = [gate for gate in review.gates if gate.crossing in {"missed", "now missed"}]
    loosened = [gate for gate in review.gates if gate.loosened]
    if review.gates:
        yield f"- **{'not ready' if missed else 'ready'}**: {_missed([gate.metric for gate in missed])}"
    if loosened:
        yield f"- **loosened gates**: {', '.join(code(gate.metric) for gate in loosened)}"
    if review.same_answers:
        yield "- the predictions and the calibration are the same bytes: every answer is as it was"
    for test in review.answered.tests:
        if test.metric in HEADLINES:
            yield f"- {_sentence(test)}"
    for flips in review.answered.flips:
        yield (
            f"- {flips.split}: {several(len(flips.right_to_wrong), 'row')} right → wrong, "
            f"{len(flips.wrong_to_right)} wrong → right, of {flips.rows}"
        )
    rebuilt = [build.stage for build in review.stages if build.state not in {"reused", "not rebuilt"}]
    yield f"- rebuilt: {', '.join(rebuilt) or 'nothing'}"
    if stale := [build.stage for build in review.stages if build.since]:
        yield f"- **not built from what is here**: {', '.join(stale)}; inputs changed since the last run"
    if review.not_compared:
        yield f"- {several(len(review.not_compared), 'thing')} could not be compared: see the end"


def _missed(metrics: Sequence[str]) -> str:
    return f"misses {', '.join(map(code, metrics))}" if metrics else "keeps every gate"


def _sentence(test: PairedTest) -> str:
    chance = "more than chance" if test.differs else "may be chance"
    return (
        f"{test.metric} {number(test.before)} → {number(test.after)}: {difference(test.difference)}, "
        f"p = {p_value(test.p_value)}, {chance}"
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; columns whose title ends with a colon hold numbers. Empty where there are no rows."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    if body:
        yield f"| {' | '.join(column.rstrip(':') for column in columns)} |"
        yield f"|{'|'.join('--:' if column.endswith(':') else '---' for column in columns)}|"
        yield from body


def folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines that a reader opens when wanted."""
    content = list(lines)
    if content:
        yield from ("", f"<details><summary>{title}</summary>", "", *content, "", "</details>", "")


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    return table(("", "before", "after"), ([code(c.name), code(c.before), code(c.after)] for c in changes))


def _gates(review: Review) -> Iterator[str]:
    marks = {"missed": "**missed**", "now missed": "**now missed**", "now kept": "**now kept**"}
    return table(
        ("gate", "limit", "measured", "", "reason"),
        (
            [
                code(gate.metric),
                f"{_pair(*gate.limits)}{' **loosened**' if gate.loosened else ''}",
                _pair(*gate.measured),
                marks.get(gate.crossing, gate.crossing),
                gate.reason,
            ]
            for gate in review.gates
        ),
    )


def _pair(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"


def _tests(review: Review) -> Iterator[str]:
    tests = review.answered.tests
    yield from table(
        ("metric", "rows:", "before:", "after:", "change (95 %):", "p:", "q:", ""),
        (
            [
                test.metric, str(test.rows), number(test.before), number(test.after),
                difference(test.difference), p_value(test.p_value), p_value(test.q_value),
                "**differs**" if test.differs else "",
            ]
            for test in tests
        ),
    )  # fmt: skip
    if tests:
        yield ""
        yield (
            "Shares of rows: McNemar's exact test; the others: paired bootstrap over rows, or over images "
            "where these have several texts. q: p adjusted over this table (Benjamini–Hochberg); *differs* "
            "where q ≤ 0.05."
        )
    for split, rows in review.answered.left_out.items():
        yield f"Rows of {code(split)} not paired (new, gone, edited or relabelled): {rows}."


def _flips(flips: Flips) -> Iterator[str]:
    for title, rows in (("right → wrong", flips.right_to_wrong), ("wrong → right", flips.wrong_to_right)):
        if not rows:
            continue
        shown = rows[:EXAMPLES]
        texts = any(flip.text for flip in shown)
        head = f"{flips.split}: {len(rows)} {title}"
        columns = ("id", "label", "before", "after", *(("text",) if texts else ()))
        yield from folded(
            head if len(rows) <= EXAMPLES else f"{head}, the {EXAMPLES} surest",
            table(columns, (_flip(flip, texts) for flip in shown)),
        )


def _flip(flip: Flip, texts: bool) -> list[str]:
    answers = [f"{code(label)} {confidence:.2f}" for label, confidence in (flip.before, flip.after)]
    return [code(flip.id), code(flip.label), *answers, *([code(flip.text)] if texts else [])]


def _parts(review: Review) -> Iterator[str]:
    for name, parts in (("Classes", review.answered.classes), ("Slices", review.answered.slices)):
        if not parts:
            continue
        moved = [part for part in parts if part.moved]
        yield (
            f"{name}: {len(moved)} of {len(parts)} moved by more than chance explains (McNemar's exact test, "
            "Benjamini–Hochberg, q ≤ 0.05)."
        )
        yield ""
        yield from _part_table(moved)
        others = [part for part in parts if not part.moved and part.differs]
        yield from folded(f"{name} that may have moved by chance", _part_table(others))


def _part_table(parts: Sequence[Part]) -> Iterator[str]:
    return table(
        ("", "rows:", "accuracy before:", "after:", "right → wrong:", "wrong → right:", "q:"),
        (
            [
                code(part.name), str(part.rows), number(part.before), number(part.after),
                str(part.right_to_wrong), str(part.wrong_to_right), p_value(part.q_value),
            ]
            for part in parts
        ),
    )  # fmt: skip


def _calibration(review: Review) -> Iterator[str]:
    """How much calibration mends on each side: before and after it, at the base and at the head."""
    found = {number.metric: number for number in review.numbers if number.metric.startswith("calibrate.")}
    rows = []
    for metric, plain in found.items():
        after = found.get(f"{metric.removesuffix('.before')}.after")
        if metric.endswith((".ece.before", ".nll.before", ".brier.before")) and after is not None:
            sides = [(plain.before, after.before), (plain.after, after.after)]
            rows.append(
                [code(metric.removesuffix(".before")), *(f"{measured(a)} → {measured(b)}" for a, b in sides)]
            )
    temperature = found.get("calibrate.calibration.temperature")
    if temperature is not None:
        rows.insert(0, ["temperature", measured(temperature.before), measured(temperature.after)])
    return table(("raw → calibrated", "base", "head"), rows)


def _data(review: Review) -> Iterator[str]:
    if review.same_data:
        yield "The prepared rows are the same bytes."
    elif review.data is not None:
        moved = len(review.data.moved)
        yield (
            "Every row that stayed kept its split."
            if not moved
            else f"**{several(moved, 'row')} changed split.**"
        )
        yield ""
        yield from changes_as_markdown(review.data).splitlines()


def _stages(review: Review) -> Iterator[str]:
    return table(
        ("stage", "", "because of"),
        ([build.stage, STATES[build.state], "; ".join(map(code, build.because))] for build in review.stages),
    )


def _numbers(review: Review) -> Iterator[str]:
    rows = [
        [
            code(found.metric), measured(found.before), measured(found.after),
            "" if found.change is None else signed(round(found.change, 9)),
        ]
        for found in review.numbers
        if found.before != found.after
    ]  # fmt: skip
    same = len(review.numbers) - len(rows)
    title = f"{several(len(rows), 'number')} changed, {same} did not; intervals are of each side by itself"
    return folded(title, table(("", "before:", "after:", "change:"), rows))
