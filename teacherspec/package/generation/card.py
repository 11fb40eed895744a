"""What the card shows of a language model: loss of given answers, answers of its own, calibration."""

from collections.abc import Mapping
from typing import Any

from teacherspec.package.card.card_findings import interval
from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.classification.card import calibration_results
from teacherspec.package.quality_gates import find
from teacherspec.package.stage_outputs import StageOutputs
from teacherspec.splits import UNLABELLED

TEXTS = ("bleu", "chrf", "rougeL", "exact_match", "stopped", "tokens", "repetition")


def card_sections(outputs: StageOutputs) -> list[str]:
    """Results and answers."""
    return [_results(outputs), _answers(outputs)]


def model_index(outputs: StageOutputs) -> list[tuple[str, str, str, str]]:
    """(split, metric type, metric name, dotted name) of the results in the `model-index`."""
    reported = ["test", *(split.name for split in outputs.prepared.of_role("shifted"))]
    found = [
        (split, "perplexity", "Perplexity a token", f"evaluate.{split}.perplexity") for split in reported
    ]
    generated = {"chrf": "chrF2", "exact_match": "Exact match"}
    if find(outputs.reports, "evaluate.test.generated.bleu"):
        generated = {"bleu": "BLEU", **generated}
    found += [("test", kind, name, f"evaluate.test.generated.{kind}") for kind, name in generated.items()]
    return [*found, ("test", "ece", "ECE of tokens after calibration", "calibrate.test.ece.after")]


def _results(outputs: StageOutputs) -> str:
    names = ("nll", "perplexity", "accuracy", "nll_per_answer")
    rows = [
        (name, rows, *(interval(outputs.number(f"evaluate.{place}.{metric}")) for metric in names))
        for name, place, rows in _measured(outputs)
    ]
    ratio = outputs.number("evaluate.loss_ratio").value
    columns = ("split", "rows", "NLL a token", "perplexity", "first choice right", "NLL an answer")
    return (
        "## Results\n\nLoss of the given answers; intervals in brackets, over rows; before calibration, at "
        f"temperature 1.\n\n{markdown_table(columns, rows)}\n\n"
        f"Validation loss over train loss: {ratio:.3f}.\n\n"
        f"Of tokens, not rows:\n\n{calibration_results(outputs)}{_answer_confidence(outputs.calibration)}"
    )


def _measured(outputs: StageOutputs) -> list[tuple[str, str, int]]:
    splits = [split for split in outputs.prepared.splits.values() if split.role not in UNLABELLED]
    base = ("test, untrained base", "base.test", outputs.prepared.splits["test"].rows)
    return [*((split.name, split.name, split.rows) for split in splits), base]


def _answers(outputs: StageOutputs) -> str:
    """Greedy answers of teacher and base to the same prompts."""
    rows = []
    for name in TEXTS:
        places = (f"evaluate.test.generated.{name}", f"evaluate.base.test.generated.{name}")
        found = [find(outputs.reports, place) for place in places]
        rows.append((name, *("–" if one is None else interval(one) for one in found)))
    generated = outputs.reports["evaluate"]["test"]["generated"]
    scores = {"bleu": "BLEU", "chrf": "chrF"}
    signatures = ", ".join(
        f"{scores[name]} `{generated[name]['signature']}`" for name in scores if name in generated
    )
    absent = generated.get("not_measured", {}).items()
    return (
        f"### Answers\n\nGreedy answers to {generated['rows']} test prompts ({signatures}):\n\n"
        f"{markdown_table(('', 'teacher', 'untrained base'), rows)}"
        + "".join(f"\n\n{name} is not measured: {reason}." for name, reason in absent if name in TEXTS)
    )


def _answer_confidence(calibration: Mapping[str, Any]) -> str:
    fitted = calibration["answers"]
    if fitted is None or fitted["status"] != "ok":
        return ""
    return (
        "\n\nConfidence of a whole answer: sigmoid("
        f"{fitted['slope']:.3f} · m + {fitted['intercept']:.3f}), where m is the mean calibrated "
        f"log-probability of its tokens; fitted on {fitted['rows']} answers."
    )
