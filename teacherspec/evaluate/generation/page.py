"""The content of the page of generation."""

import numpy as np

from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.generation.report import GenerationAnalysis
from teacherspec.evaluate.html import write_page
from teacherspec.spec.evaluate import Evaluate

TEMPLATE = "generation/report.html.j2"

TEXT_METRICS = (
    "bleu", "chrf", "rouge1", "rouge2", "rougeL", "exact_match", "stopped", "empty", "tokens", "length_ratio",
    "repetition",
)  # fmt: skip


def write_generation_page(paths: Paths, analysis: GenerationAnalysis, section: Evaluate, shown: int) -> None:
    """Write `report.html`; the plots are written already.

    Args:
        paths: of the stage.
        analysis: the numbers.
        section: `params.yaml: evaluate`.
        shown: answers on the page at most, spread evenly.
    """
    metrics, answers = analysis.metrics, analysis.answers
    test, base = metrics["test"], metrics["base"]["test"]
    generated = {"teacher, greedy": test["generated"], "untrained base, greedy": base["generated"]}
    if "sampled" in test:
        generated["teacher, sampled"] = test["sampled"]
    chosen = np.unique(np.linspace(0, len(answers) - 1, min(shown, len(answers))).round().astype(int))
    splits = {name: part for name, part in metrics.items() if isinstance(part, dict) and "tokens" in part}
    content = {
        "answers": [answers[at] for at in chosen],
        "findings": analysis.findings,
        "generated": generated,
        "loss_ratio": metrics["loss_ratio"],
        "section": section,
        "signatures": {
            name: part["signature"] for name, part in test["generated"].items() if name in ("bleu", "chrf")
        },
        "not_measured": test["generated"].get("not_measured", {}),
        "splits": {"test": test, "test, untrained base": base, **splits},
        "text_metrics": TEXT_METRICS,
    }
    write_page(paths, TEMPLATE, content)
