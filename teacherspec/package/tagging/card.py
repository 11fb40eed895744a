"""What the card shows of token classification: entities by split and type, words, calibration of both."""

from teacherspec.package.card.card_findings import interval
from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.classification.card import calibration_results
from teacherspec.package.quality_gates import Measurement, find
from teacherspec.package.stage_outputs import StageOutputs
from teacherspec.runtime.escaping import markdown_code as code
from teacherspec.splits import UNLABELLED

ENTITIES = {"f1": "F1", "precision": "precision", "recall": "recall", "macro_f1": "macro F1"}
WORDS = {"accuracy": "accuracy of words", "nll": "NLL a word (nats)"}


def card_sections(outputs: StageOutputs) -> list[str]:
    """Results, calibration, and the types of entities."""
    return [_results(outputs), _types(outputs)]


def model_index(outputs: StageOutputs) -> list[tuple[str, str, str, str]]:
    """(split, metric type, metric name, dotted name) of the results in the `model-index`."""
    reported = ["test", *(split.name for split in outputs.prepared.of_role("shifted"))]
    found = [
        (split, name, title, f"evaluate.{split}.{name}")
        for split in reported
        for name, title in (("f1", "F1"), ("precision", "Precision"), ("recall", "Recall"))
    ]
    return [*found, ("test", "ece", "ECE of words after calibration", "calibrate.test.ece.after")]


def _results(outputs: StageOutputs) -> str:
    names = {**ENTITIES, **WORDS}
    shown = {
        split.name: split.name for split in outputs.prepared.splits.values() if split.role not in UNLABELLED
    }
    shown["base.test"] = "test, linear probe of the base"
    rows = [
        (
            title,
            *(int(outputs.number(f"evaluate.{place}.{count}").value) for count in ("rows", "entities")),
            *(interval(outputs.number(f"evaluate.{place}.{name}")) for name in names),
        )
        for place, title in shown.items()
    ]
    ratio = outputs.number("evaluate.loss_ratio").value
    gained = interval(outputs.number("evaluate.gain.test.f1"))
    unread = int(outputs.number("evaluate.test.words_unread").value)
    of_words = int(outputs.number("evaluate.test.words").value)
    return (
        "## Results\n\nAn entity counts as found where first word, last word and type are exactly right, "
        "as in conlleval and seqeval. Intervals in brackets, rows resampled; before calibration.\n\n"
        f"{markdown_table(('split', 'rows', 'entities', *names.values()), rows)}\n\n"
        f"Gain in F1 on test over a linear probe of the untrained base, paired: {gained}. Of {of_words} "
        f"words of test {unread} are not read; entities in them count as missed. Validation loss over train "
        f"loss: {ratio:.3f}.\n\n{calibration_results(outputs)}\n\n{_spans(outputs)}"
    )


def _spans(outputs: StageOutputs) -> str:
    """How far the confidence of a predicted entity can be trusted."""
    errors = [find(outputs.reports, f"calibrate.test.spans.ece.{when}") for when in ("before", "after")]
    if errors[0] is None or errors[1] is None:
        return "No entity is predicted on test."
    signed = interval(outputs.number("calibrate.test.spans.signed.after"))
    predicted = int(outputs.number("calibrate.test.spans.predicted").value)
    return (
        "The confidence of a predicted entity is the product of the calibrated probabilities of the tags "
        f"of its words. On the {predicted} predicted entities of test its ECE is {errors[0].value:.4f} → "
        f"{errors[1].value:.4f}; mean confidence less precision after calibration: {signed}. It says how "
        "likely a predicted entity is right, and nothing of entities that are not predicted."
    )


def _types(outputs: StageOutputs) -> str:
    rows = [
        (
            code(row["type"]),
            int(row["entities"]),
            *(
                interval(Measurement(row[name], row[f"{name}_low"], row[f"{name}_high"]))
                for name in ("f1", "precision", "recall")
            ),
        )
        for row in sorted(outputs.types, key=lambda row: (row["f1"], row["type"]))
    ]
    table = markdown_table(("type", "entities", "F1", "precision", "recall"), rows)
    return f"### Types of entities\n\nOn test, the lowest F1 first:\n\n{table}" if rows else ""
