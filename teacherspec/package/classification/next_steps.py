"""Rules of what to do next that need classes: label errors, confusions, weak classes, perturbations."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from teacherspec.package.card.card_findings import FEW_ROWS
from teacherspec.package.classification.page import confusions
from teacherspec.package.classification.page_cells import weak_labels
from teacherspec.package.classification.page_slices import worsens
from teacherspec.package.page.next_steps import POINTS, Rule, Step
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.runtime.escaping import markdown_code as code

SHOWN = 2
"""Classes, pairs of classes or perturbations that one rule names."""

MIN_CONFUSIONS = 3
"""Fewest rows of two classes that are confused."""


def label_errors(inputs: PageInputs) -> Iterator[Step]:
    """Rows whose label is likely wrong: those of test count as errors of the teacher."""
    found = Counter(row["split"] for row in inputs.table("evaluate/plots/label_errors.tsv"))
    if found["test"]:
        rows = inputs.outputs.number("evaluate.test.rows").value
        others = found.total() - found["test"]
        reason = f"{found['test']} of {rows:.0f} test rows and {others} others may be mislabelled."
        yield Step("Check the likely label errors.", reason, POINTS * found["test"] / rows)


def confused_pairs(inputs: PageInputs) -> Iterator[Step]:
    """Two classes that are often taken for each other."""
    rows = inputs.outputs.number("evaluate.test.rows").value
    pairs: Counter[tuple[str, str]] = Counter()
    for (label, taken), count in confusions(inputs):
        pairs[min(label, taken), max(label, taken)] += count
    for (one, other), count in pairs.most_common(SHOWN):
        if count >= MIN_CONFUSIONS:
            action = f"Define what separates {code(one)} from {code(other)} and relabel by it, or merge them."
            yield Step(action, f"They are confused in {count} test rows.", POINTS * count / rows)


def weak_classes(inputs: PageInputs) -> Iterator[Step]:
    """Classes that are significantly weaker, or weak and small: more rows of them."""
    classes = inputs.outputs.classes
    counts = {
        label: found.get("train", 0) for label, found in inputs.reports["prepare"].get("classes", {}).items()
    }
    accuracy, rows = (inputs.outputs.number(f"evaluate.test.{name}").value for name in ("accuracy", "rows"))
    middle = median(counts.values()) if counts else 0
    weak = weak_labels(inputs)
    steps = []
    for found in classes:
        label, recall = found["label"], found["recall"]
        small = label in counts and 2 * counts[label] <= middle
        if recall is None or recall >= accuracy or not (f"label = {label}" in weak or small):
            continue
        have = (
            f"It has {counts[label]} train rows (median {middle:g}) and recall"
            if label in counts
            else "Its recall is"
        )
        reason = f"{have} {recall:.2f}, against {accuracy:.2f} for all."
        steps.append(
            Step(
                f"Label more rows of {code(label)}.",
                reason,
                POINTS * found["support"] * (accuracy - recall) / rows,
            )
        )
    yield from sorted(steps, key=lambda step: -(step.points or 0.0))[:SHOWN]


def perturbations(inputs: PageInputs) -> Iterator[Step]:
    """Perturbations that the teacher is sensitive to."""
    test = inputs.outputs.number("evaluate.test.accuracy").value
    found = [
        (test - float(row["accuracy"]), row["perturbation"])
        for row in inputs.table("evaluate/plots/robustness.tsv")
        if worsens(row, inputs.evaluating.false_discovery_rate)
    ]
    images = bool(inputs.task.row_schema().images())
    for lost, name in sorted(found, reverse=True)[:SHOWN]:
        action = (
            f"Train with images changed like {code(name)}: `finetune.augmentation`."
            if images
            else f"Add train rows with {code(name)}."
        )
        reason = f"Accuracy falls by {POINTS * lost:.1f} points with it; how many inputs have it is unknown."
        yield Step(action, reason)


def few_test_rows(inputs: PageInputs) -> Iterator[Step]:
    """Classes whose recall is a rough guess."""
    few = [row["label"] for row in inputs.outputs.classes if row["support"] < FEW_ROWS]
    if few:
        reason = (
            f"{len(few)} of {len(inputs.outputs.classes)} classes have fewer than {FEW_ROWS} test rows, so "
            "that the intervals of their recall are wide."
        )
        yield Step("Give the test split more rows before comparing classes.", reason)


def abstention(inputs: PageInputs) -> Iterator[Step]:
    """No confidence is proven for the declared risk."""
    rule = inputs.outputs.calibration.get("abstention")
    if rule and rule["threshold"] is None:
        rows = inputs.outputs.calibration["rows"]
        reason = f"{rows:,} calibration rows prove no confidence for a risk of {rule['risk']:g}."
        yield Step("Add calibration rows, or declare a larger `calibrate.abstain.risk`.", reason)


RULES: Sequence[Rule] = (label_errors, confused_pairs, weak_classes, perturbations, few_test_rows, abstention)
"""Rules for classifiers."""
