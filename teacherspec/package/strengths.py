"""Where the teacher is strong and where it is weak, in sentences that each carry their numbers."""

from collections import Counter
from collections.abc import Iterator

from teacherspec.package.evidence import Evidence
from teacherspec.package.gates import Measured

SHOWN = 3
"""Classes and confusions named at each end."""

FEW_ROWS = 30
"""Test rows of a class below which its recall is a rough guess (95 % interval wider than ±0.17)."""

TEMPERATURES = (
    "Compare distillation temperatures 1, 2 and 4 on validation rows of your own: the best one for a student "
    "need not be the temperature that calibrates the teacher."
)

MEMORISED = 1.2
"""Loss ratio above which targets on training rows carry little beyond the labels."""


def strengths(evidence: Evidence) -> list[str]:
    """What students can rely on."""
    accuracy = evidence.number("evaluate.test.accuracy")
    best = sorted(_judged_classes(evidence), key=lambda found: (-found[1], found[0]))[:SHOWN]
    sentences = [f"Right on {interval(accuracy)} of the test rows."]
    if best:
        sentences.append("Surest classes by the lower end of their recall: " + _listed(best, evidence) + ".")
    return sentences


def weaknesses(evidence: Evidence) -> list[str]:
    """Blind spots that students inherit."""
    return [*_weak_classes(evidence), *_confusions(evidence), *_few(evidence), *_elsewhere(evidence)]


def advice(evidence: Evidence, label_smoothing: float) -> list[str]:
    """What the numbers mean for distillation."""
    ratio = evidence.number("evaluate.loss_ratio").value
    sentences = [TEMPERATURES]
    if label_smoothing > 0:
        sentences.append(
            f"Trained with label smoothing {label_smoothing:g}, which erases part of what wrong classes "
            "teach (Müller et al. 2019): prefer distillation temperature 1."
        )
    if ratio > MEMORISED:
        sentences.append(
            f"Validation loss is {ratio:.2f} times the train loss: targets on training rows are close to "
            "their labels and teach little beyond them. Prefer rows with `in_teacher_train` false, or new "
            "texts."
        )
    return sentences


def interval(measured: Measured, digits: int = 3) -> str:
    """`0.931 (0.908–0.949)`."""
    if measured.low is None or measured.high is None:
        return f"{measured.value:.{digits}f}"
    return f"{measured.value:.{digits}f} ({measured.low:.{digits}f}–{measured.high:.{digits}f})"


def _judged_classes(evidence: Evidence) -> list[tuple[str, float]]:
    """(label, lower end of recall) of classes with test rows."""
    return [(row["label"], row["recall_low"]) for row in evidence.classes if row["recall_low"] is not None]


def _listed(found: list[tuple[str, float]], evidence: Evidence) -> str:
    rows = {row["label"]: row for row in evidence.classes}
    return ", ".join(
        f"`{label}` {interval(Measured(row['recall'], row['recall_low'], row['recall_high']), 2)}"
        for label, row in ((label, rows[label]) for label, _ in found)
    )


def _weak_classes(evidence: Evidence) -> Iterator[str]:
    recalls = [(row["label"], row["recall"]) for row in evidence.classes if row["recall"] is not None]
    weakest = [found for found in sorted(recalls, key=lambda found: (found[1], found[0])) if found[1] < 1.0]
    if weakest:
        yield "Lowest recall: " + _listed(weakest[:SHOWN], evidence) + "."


def _confusions(evidence: Evidence) -> Iterator[str]:
    wrong = Counter(pair for pair in evidence.confusions if pair[0] != pair[1])
    if not wrong:
        return
    supports = Counter(label for label, _ in evidence.confusions)
    common = sorted(wrong.items(), key=lambda entry: (-entry[1], entry[0]))[:SHOWN]
    pairs = (f"`{label}` taken for `{taken}` ({n} of {supports[label]})" for (label, taken), n in common)
    yield "Most frequent confusions: " + ", ".join(pairs) + "."


def _few(evidence: Evidence) -> Iterator[str]:
    few = [row["label"] for row in evidence.classes if row["support"] < FEW_ROWS]
    if few:
        yield (
            f"{len(few)} of {len(evidence.classes)} classes are measured on fewer than {FEW_ROWS} test rows "
            "each: read the intervals of their recall, not the values."
        )


def _elsewhere(evidence: Evidence) -> Iterator[str]:
    """Rows unlike the train split: other styles, and messages out of scope."""
    usual = evidence.number("evaluate.test.accuracy").value
    for split in evidence.prepared.of_role("shifted"):
        accuracy = evidence.number(f"evaluate.{split.name}.accuracy")
        yield (
            f"On `{split.name}` ({split.rows} rows of the same labels, unlike the train split) right on "
            f"{interval(accuracy)}, {usual - accuracy.value:+.3f} below test."
        )
    for split in evidence.prepared.of_role("ood"):
        auroc = evidence.number(f"calibrate.{split.name}.max_probability.after.auroc")
        yield (
            f"On `{split.name}` ({split.rows} rows that belong to no label) it still names a label. Its "
            f"confidence tells them from test rows with AUROC {interval(auroc)}."
        )
