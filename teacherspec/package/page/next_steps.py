"""What to do next, by rules from the reported numbers, in the order of what each step can gain.

Each rule has a condition on reported numbers, an action, and what is at stake: points (hundredths) of test
accuracy, or of the calibration error. What keeps the teacher from being ready comes first, then steps by the
points at stake, then steps whose effect nothing measured. A rule that does not apply is silent;
`docs/teacher-page.md` lists the rules.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from teacherspec.package.card.card_findings import MEMORISED
from teacherspec.package.page.content import Item, Section, minus
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.runtime.escaping import markdown_code as code

POINTS = 100.0
"""Points of a share."""

WORTHWHILE = 0.01
"""Gain of a plain model from doubling the rows that justifies collecting them."""

RICH_ROWS = 1_000
"""Calibration rows from which calibrators with more than one number pay."""


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Attributes:
        action: what to do, as Markdown.
        reason: why, with its numbers.
        points: at stake at most; None where no number says.
        unit: of what.
        blocking: whether the teacher is not ready without it.
    """

    action: str
    reason: str
    points: float | None = None
    unit: str = "test accuracy"
    blocking: bool = False

    def sentence(self) -> str:
        """The step as a line of the page."""
        stake = "" if self.points is None else f" At stake: up to {self.points:.1f} points of {self.unit}."
        return minus(f"**{self.action}** {self.reason}{stake}")


Rule = Callable[[PageInputs], Iterator[Step]]


def next_section(inputs: PageInputs, rules: Sequence[Rule]) -> Section:
    """The steps of all rules that apply.

    Args:
        inputs: of the page.
        rules: those of the output type.
    """
    found = ordered([step for rule in (*RULES, *rules) for step in rule(inputs)])
    items = [Item(step.sentence(), "failed" if step.blocking else "") for step in found]
    text = () if items else ("No rule applies: nothing in the reported numbers calls for a change.",)
    return Section("next", "What to do next", text, items, ordered=True)


def ordered(steps: Sequence[Step]) -> list[Step]:
    """Blocking steps first, then by the points at stake, those without a number last; ties as they came."""
    return sorted(steps, key=lambda step: (not step.blocking, step.points is None, -(step.points or 0.0)))


def unmeasured_gates(inputs: PageInputs) -> Iterator[Step]:
    """A gate without its number cannot pass."""
    for gate in inputs.gates:
        if gate.measured is None:
            yield Step(
                f"Let {code(gate.gate.metric)} be measured, or remove its gate.",
                gate.reason + ".",
                blocking=True,
            )


def failed_gates(inputs: PageInputs) -> Iterator[Step]:
    """How far a failed gate is from its limit; calibration errors have a rule of their own."""
    for gate in inputs.gates:
        if gate.passed or gate.measured is None or _calibration_error(gate.gate.metric):
            continue
        action = f"Reach the limit of {code(gate.gate.metric)}, or defend another one."
        yield Step(action, f"{gate.reason}. The steps below say what moves it.", blocking=True)


def _calibration_error(metric: str) -> bool:
    return metric.startswith("calibrate.") and "ece" in metric.split(".")


def calibration_error(inputs: PageInputs) -> Iterator[Step]:
    """A calibration error above its gate, or without a gate above noise: which calibration to declare."""
    failed = next(
        (gate for gate in inputs.gates if _calibration_error(gate.gate.metric) and not gate.passed), None
    )
    error, noise = (inputs.find(f"calibrate.test.ece.{name}") for name in ("after", "noise_after"))
    if error is None or noise is None or (failed is None and error.value <= noise.value):
        return
    limit = noise.value if failed is None or failed.gate.at_most is None else failed.gate.at_most
    reached = error.value if failed is None or failed.measured is None else failed.measured.value
    reason = (
        f"The calibration error is {reached:.3f}, not {limit:.3f}; noise alone reaches {noise.value:.3f}."
    )
    points = POINTS * max(0.0, reached - limit)
    yield Step(_calibration(inputs), reason, points, "the calibration error", failed is not None)


def _calibration(inputs: PageInputs) -> str:
    calibration = inputs.outputs.calibration
    declared, rows = calibration["declared"]["kind"], calibration["rows"]
    if inputs.task.output_type in ("classification", "multi_label") and declared != "auto":
        return "Declare `calibrate.method: {kind: auto}`, which chooses by held-out loss."
    if rows < RICH_ROWS:
        return f"Calibrate on more than {rows:,} rows (`prepare.fractions`); richer methods need about 1,000."
    if inputs.task.output_type == "classification" and not calibration["out_of_fold_rows"]:
        return "Calibrate on train rows too: `calibrate.rows: calibration_and_out_of_fold`."
    return "Look for the split or slice that is miscalibrated, and add rows like it to the calibration split."


def no_gain(inputs: PageInputs) -> Iterator[Step]:
    """A gain within noise: start from a linear probe, keep more of the base, or do without training."""
    declared = inputs.outputs.training["declared"]
    for split in inputs.reported:
        gained = inputs.find(f"evaluate.gain.{split}.accuracy")
        if gained is None or gained.low is None or gained.high is None or gained.low > 0:
            continue
        reason = (
            f"Fine-tuning gains {POINTS * gained.value:+.1f} points of accuracy on {split} "
            f"({POINTS * gained.low:+.1f} to {POINTS * gained.high:+.1f}), which may be nothing."
        )
        probed = inputs.task.has_new_head
        of_words = inputs.task.row_schema().token_labels() is not None  # no head of these is fitted first
        if probed and not of_words and not declared.get("linear_probe_first"):
            yield Step("Declare `finetune.linear_probe_first: true`.", reason)
        elif declared.get("weight_interpolation") is None and (
            not probed or declared.get("linear_probe_first")
        ):
            yield Step("Declare `finetune.weight_interpolation: 0.7`, which keeps more of the base.", reason)
        elif probed:
            yield Step(
                "Compare with a linear probe alone: `finetune.method: {kind: full, freeze: backbone}`.",
                reason,
            )
        return


def more_rows(inputs: PageInputs) -> Iterator[Step]:
    """The curve of a plain model still rises."""
    curve = inputs.reports["prepare"].get("learning_curve", {})
    if "doubled" not in curve or curve["doubled"] - curve["all"] < WORTHWHILE:
        return
    accuracy = inputs.find("evaluate.test.accuracy")
    gained = curve["doubled"] - curve["all"]
    points = POINTS * min(gained, 1.0 if accuracy is None else 1.0 - accuracy.value)
    rows = inputs.outputs.prepared.splits["train"].rows
    reason = (
        f"Twice the {rows:,} train rows would bring a plain model without a base from {curve['all']:.3f} to "
        f"about {curve['doubled']:.3f}; a fine-tuned base gains less."
    )
    yield Step("Label more rows.", reason, points)


def memorised(inputs: PageInputs) -> Iterator[Step]:
    """Train rows are memorised, so that their targets are close to their labels."""
    ratio = inputs.find("evaluate.loss_ratio")
    declared = inputs.outputs.training["declared"]
    if ratio is None or ratio.value <= MEMORISED or declared.get("cross_fit"):
        return
    reason = (
        f"Validation loss is {ratio.value:.2f} times train loss (healthy: up to {MEMORISED:g}): targets of "
        "train rows teach little beyond their labels."
    )
    if inputs.task.output_type == "classification":
        yield Step(
            "Declare `prepare.folds` and `finetune.cross_fit: true`, or add rows of role `transfer`.", reason
        )
    else:
        yield Step("Add rows of role `transfer`, which the teacher has not seen.", reason)


def students(inputs: PageInputs) -> Iterator[Step]:
    """No student was probed, or none was shown to gain."""
    probed = inputs.reports["probe"]
    if not probed:
        yield Step(
            "Declare `probe.students`.", "Nothing measured yet what the teacher is worth to a student."
        )
        return
    lift = inputs.find("probe.test.lift")
    if lift is not None and not probed["test"]["lifts"] and lift.low is not None and lift.high is not None:
        reason = (
            f"The lift of the probed student is {POINTS * lift.value:+.1f} points ({POINTS * lift.low:+.1f} "
            f"to {POINTS * lift.high:+.1f}) on test, which is not shown to be more than nothing."
        )
        yield Step("Add unlabelled rows (role `transfer`) for students, or probe more seeds.", reason)


RULES: Sequence[Rule] = (
    unmeasured_gates,
    failed_gates,
    calibration_error,
    no_gain,
    more_rows,
    memorised,
    students,
)
"""Rules for every output type."""
