"""The verdict: quality gates, and the few numbers at the top of the page."""

from collections.abc import Iterator

from teacherspec.package.card.probe_numbers import SCORES, score_name
from teacherspec.package.card.readiness import format_limit
from teacherspec.package.page.content import (
    MISSING,
    Cell,
    Headline,
    Row,
    Section,
    Table,
    code,
    number,
    numbers,
    plain,
    texts,
)
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.quality_gates import GateResult

GAIN_NOTE = "accuracy over the untrained base, paired on the same rows"


def gates_section(inputs: PageInputs) -> Section:
    """Every gate with its number, limit and reason; those that failed first."""
    ordered = sorted(inputs.gates, key=lambda gate: gate.passed)
    columns = (
        *texts("gate", "result"),
        *numbers("measured", "limit"),
        *texts("why"),
    )
    text = () if ordered else ("No gate is declared, so nothing shows that the teacher is ready.",)
    tables = (Table("Quality gates", columns, [_gate(gate) for gate in ordered]),) if ordered else ()
    return Section("gates", "Verdict and gates", text=text, tables=tables)


def _gate(result: GateResult) -> Row:
    passed = Cell("pass", state="good") if result.passed else Cell("fail", state="bad")
    measured = MISSING if result.measured is None else number(result.measured, 4, result.gate.metric)
    return Row(
        (code(result.gate.metric), passed, measured, plain(format_limit(result)), plain(result.reason))
    )


def common_headlines(inputs: PageInputs) -> Iterator[Headline]:
    """Gain, lift and calibration, which every output type has."""
    gained = inputs.find("evaluate.gain.test.accuracy")
    if gained is not None:
        (cell,) = inputs.differences(["evaluate.gain.test.accuracy"])
        yield Headline("gain, test", Cell(cell.text, cell.small, cell.value, cell.metric), GAIN_NOTE)
    if probed := inputs.reports["probe"]:
        (cell,) = inputs.differences(["probe.test.lift"])
        note = f"{SCORES[score_name(probed)]} of a student, over labels only"
        yield Headline("lift, test", Cell(cell.text, cell.small, cell.value, cell.metric), note)
    before = inputs.find("calibrate.test.ece.before")
    if before is not None:
        noise = inputs.find("calibrate.test.ece.noise_after")
        against = "" if noise is None else f"; {noise.value:.3f} may be noise"
        cell = inputs.cell("calibrate.test.ece.after")
        yield Headline("ECE as calibrated, test", cell, f"{before.value:.3f} before{against}")
