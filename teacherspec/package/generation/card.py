"""What the card shows of a language model: loss of given answers, answers of its own, calibration."""

from collections.abc import Mapping
from typing import Any

from teacherspec.package.card_findings import interval
from teacherspec.package.classification.card import calibration_results
from teacherspec.package.markdown_table import table
from teacherspec.package.quality_gates import find
from teacherspec.package.stage_outputs import Evidence

TEXTS = ("bleu", "chrf", "rougeL", "exact_match", "stopped", "tokens", "repetition")


def sections(evidence: Evidence) -> list[str]:
    """Results and answers."""
    return [_results(evidence), _answers(evidence)]


def indexed(evidence: Evidence) -> list[tuple[str, str, str, str]]:
    """(split, metric type, metric name, dotted name) of the results in the `model-index`."""
    reported = ["test", *(split.name for split in evidence.prepared.of_role("shifted"))]
    found = [
        (split, "perplexity", "Perplexity a token", f"evaluate.{split}.perplexity") for split in reported
    ]
    generated = {"bleu": "BLEU", "chrf": "chrF2", "exact_match": "Exact match"}
    found += [("test", kind, name, f"evaluate.test.generated.{kind}") for kind, name in generated.items()]
    return [*found, ("test", "ece", "ECE of tokens after calibration", "calibrate.test.ece.after")]


def _results(evidence: Evidence) -> str:
    names = ("nll", "perplexity", "accuracy", "nll_per_answer")
    rows = [
        (name, rows, *(interval(evidence.number(f"evaluate.{place}.{metric}")) for metric in names))
        for name, place, rows in _measured(evidence)
    ]
    ratio = evidence.number("evaluate.loss_ratio").value
    columns = ("split", "rows", "NLL a token", "perplexity", "first choice right", "NLL an answer")
    return (
        "## Results\n\nLoss of the given answers; intervals in brackets, over rows; before calibration, at "
        f"temperature 1.\n\n{table(columns, rows)}\n\nValidation loss over train loss: {ratio:.3f}.\n\n"
        f"Of tokens, not rows:\n\n{calibration_results(evidence)}{_answer_confidence(evidence.calibration)}"
    )


def _measured(evidence: Evidence) -> list[tuple[str, str, int]]:
    splits = evidence.prepared.splits.values()
    base = ("test, untrained base", "base.test", evidence.prepared.splits["test"].rows)
    return [*((split.name, split.name, split.rows) for split in splits), base]


def _answers(evidence: Evidence) -> str:
    """Greedy answers of teacher and base to the same prompts."""
    rows = []
    for name in TEXTS:
        places = (f"evaluate.test.generated.{name}", f"evaluate.base.test.generated.{name}")
        found = [find(evidence.reports, place) for place in places]
        rows.append((name, *("–" if one is None else interval(one) for one in found)))
    generated = evidence.reports["evaluate"]["test"]["generated"]
    signatures = f"BLEU `{generated['bleu']['signature']}`, chrF `{generated['chrf']['signature']}`"
    return (
        f"### Answers\n\nGreedy answers to {generated['rows']} test prompts ({signatures}):\n\n"
        f"{table(('', 'teacher', 'untrained base'), rows)}"
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
