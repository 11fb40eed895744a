"""What the card shows of a classifier: quality by split, calibration, and its weakest classes."""

from collections.abc import Mapping
from typing import Any

from teacherspec.package.card.card_findings import interval
from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.quality_gates import Measurement, find
from teacherspec.package.stage_outputs import PLOT, StageOutputs
from teacherspec.runtime.escaping import markdown_code as code
from teacherspec.splits import UNLABELLED

CLASSES_SHOWN = 20


def card_sections(outputs: StageOutputs) -> list[str]:
    """Results, what describes labels, and the classes."""
    return [_results(outputs), _label_columns(outputs), _classes(outputs)]


def model_index(outputs: StageOutputs) -> list[tuple[str, str, str, str]]:
    """(split, metric type, metric name, dotted name) of the results in the `model-index`."""
    reported = ["test", *(split.name for split in outputs.prepared.of_role("shifted"))]
    found = [(split, "accuracy", "Accuracy", f"evaluate.{split}.accuracy") for split in reported]
    found += [(split, "f1", "Macro F1", f"evaluate.{split}.macro_f1") for split in reported]
    return [*found, ("test", "ece", "ECE after calibration", "calibrate.test.ece.after")]


def _results(outputs: StageOutputs) -> str:
    columns = ("split", "rows", "accuracy", "macro F1", "NLL (nats)", "Brier", "entropy (nats)")
    names = ("accuracy", "macro_f1", "nll", "brier", "entropy")
    shown = {
        split.name: split.name for split in outputs.prepared.splits.values() if split.role not in UNLABELLED
    }
    unseen = find(outputs.reports, "evaluate.loss_ratio_out_of_fold")
    if unseen is not None:
        shown["out_of_fold"] = "train, out of fold"
    rows = [
        (
            title,
            int(outputs.number(f"evaluate.{name}.rows").value),
            *(interval(outputs.number(f"evaluate.{name}.{metric}")) for metric in names),
        )
        for name, title in shown.items()
    ]
    ratio = outputs.number("evaluate.loss_ratio").value
    out_of_fold = "" if unseen is None else f"; over the loss of train rows out of fold: {unseen.value:.3f}"
    return (
        "## Results\n\nIntervals in brackets; before calibration, at temperature 1.\n\n"
        f"{markdown_table(columns, rows)}{_weighted(outputs, shown)}{_distribution(outputs, shown)}\n\n"
        f"Validation loss over train loss: {ratio:.3f}{out_of_fold}.\n\n"
        f"{calibration_results(outputs)}{_abstention(outputs)}"
    )


def _weighted(outputs: StageOutputs, shown: Mapping[str, str]) -> str:
    """The same where each row counts as much as it weighs; empty where rows have no weights."""
    columns = ("split", "effective rows", "accuracy", "macro F1", "NLL (nats)", "Brier", "ECE")
    rows = []
    for name, title in shown.items():
        found = f"evaluate.{name}.weighted"
        if find(outputs.reports, f"{found}.ece") is None:
            continue
        measured = [
            outputs.number(f"{found}.{metric}") for metric in ("accuracy", "macro_f1", "nll", "brier")
        ]
        effective, ece = (outputs.number(f"{found}.{metric}").value for metric in ("effective_rows", "ece"))
        rows.append((title, f"{effective:.1f}", *map(interval, measured), f"{ece:.4f}"))
    if not rows:
        return ""
    return (
        "\n\nEvery row counts alike above. Each as much as it weighs (`weight`), as in training and in the "
        f"choice of the checkpoint:\n\n{markdown_table(columns, rows)}"
    )


def _distribution(outputs: StageOutputs, shown: Mapping[str, str]) -> str:
    """Agreement with the distributions of labels; empty where rows have a label alone."""
    columns = ("split", "agreement", "cross-entropy", "KL", "Brier", "ECE", "disagreement")
    rows = []
    for name, title in shown.items():
        found = f"evaluate.{name}.label_distribution"
        if find(outputs.reports, f"{found}.ece") is None:
            continue
        means = ("accuracy", "cross_entropy", "kl", "brier")
        measured = [interval(outputs.number(f"{found}.{metric}")) for metric in means]
        numbers = [f"{outputs.number(f'{found}.{metric}').value:.4f}" for metric in ("ece", "disagreement")]
        rows.append((title, *measured, *numbers))
    if not rows:
        return ""
    return (
        "\n\nLabels are those with the largest share. Against the shares of all labels (nats): how often the "
        "prediction is that of one annotator drawn at random, and the distance of the distributions. No "
        "classifier agrees more often than 1 − disagreement, and one that predicts exactly these shares has "
        f"an ECE of that disagreement against labels:\n\n{markdown_table(columns, rows)}"
    )


def _label_columns(outputs: StageOutputs) -> str:
    """What students find of the columns that describe labels; empty where there are none."""
    if not outputs.prepared.label_details:
        return ""
    names = ", ".join(map(code, outputs.prepared.label_details))
    return (
        f"### Label columns\n\nThe teacher was trained on labels and {names}, and soft targets keep these as "
        "they were given, next to `label`. Logits are what the teacher predicts: they need none of them. "
        "Calibration, slices, gain and probe count every row alike."
    )


def _abstention(outputs: StageOutputs) -> str:
    """The rule of `calibrate.abstain`, and what it does to each split."""
    rule = outputs.calibration["abstention"]
    if rule is None:
        return ""
    if rule["threshold"] is None:
        return (
            f"\n\nAbstention: the calibration rows prove no threshold for a risk of {rule['risk']:g}, so the "
            "teacher abstains from every row."
        )
    rows = []
    for split in outputs.prepared.of_role("test", "shifted", "ood"):
        risk = find(outputs.reports, f"calibrate.{split.name}.abstention.risk")
        coverage = outputs.number(f"calibrate.{split.name}.abstention.coverage").value
        rows.append((split.name, f"{coverage:.3f}", interval(risk) if risk else ""))
    return (
        f"\n\nAbstention: predictions with a {rule['score']} of at least {rule['threshold']:g} are accepted. "
        f"With probability {rule['guarantee']:g} over the choice of the calibration rows, at most "
        f"{rule['risk']:g} of them are wrong, on rows like these; on shifted rows nothing is guaranteed.\n\n"
        + markdown_table(("split", "accepted", "errors among accepted"), rows)
    )


def calibration_results(outputs: StageOutputs) -> str:
    """ECE and NLL before and after calibration on the test split, and the picture."""

    def both(name: str) -> str:
        return " → ".join(
            interval(outputs.number(f"calibrate.test.{name}.{when}")) for when in ("before", "after")
        )

    noise = find(outputs.reports, "calibrate.test.ece.noise_after")
    against = f"; a perfectly calibrated model shows up to {noise.value:.3f} on as many rows" if noise else ""
    further = outputs.calibration.get("out_of_fold_rows", 0)
    fitted_on = (
        f" Fitted on {outputs.calibration['rows']} calibration rows, and on {further} train rows as models "
        "that had not seen them predict these."
        if further
        else ""
    )
    return (
        f"Calibration on test: ECE {both('ece')}{against}; NLL {both('nll')}.{fitted_on}\n\n"
        f"![Reliability before and after calibration](eval/{PLOT})"
    )


def _classes(outputs: StageOutputs) -> str:
    """Recall of each class on test, the weakest first; of many classes only those."""
    measured = [row for row in outputs.classes if row["recall"] is not None]
    weakest = sorted(measured, key=lambda row: (row["recall"], row["label"]))[:CLASSES_SHOWN]
    rows = [
        (code(row["label"]), int(row["support"]), interval(_recall(row), 2), f"{row['precision'] or 0:.2f}")
        for row in weakest
    ]
    count = "All" if len(weakest) == len(outputs.classes) else f"The {len(weakest)} weakest of"
    title = f"### Classes\n\n{count} {len(outputs.classes)} labels on test, by recall:"
    return f"{title}\n\n{markdown_table(('label', 'rows', 'recall', 'precision'), rows)}"


def _recall(row: Mapping[str, Any]) -> Measurement:
    return Measurement(row["recall"], row["recall_low"], row["recall_high"])
