"""The report of a language model as one HTML file that needs nothing else."""

from pathlib import Path

import numpy as np

from teacherspec.evaluate.classification.page import environment, inline
from teacherspec.evaluate.classification.report import PICTURES
from teacherspec.evaluate.generation.findings import findings
from teacherspec.evaluate.generation.report import TokenAnalysis
from teacherspec.runtime.atomic_io import write_text
from teacherspec.spec.evaluate import Evaluate

TEMPLATE = "generation/report.html.j2"

TEXT_METRICS = (
    "bleu", "chrf", "rouge1", "rouge2", "rougeL", "exact_match", "stopped", "empty", "tokens", "length_ratio",
    "repetition",
)  # fmt: skip


def write_token_page(report: Path, analysis: TokenAnalysis, section: Evaluate, shown: int) -> None:
    """Write `report.html` into `report`, which holds the pictures already.

    Args:
        report: folder.
        analysis: the numbers.
        section: `params.yaml: evaluate`.
        shown: answers on the page at most, spread evenly.
    """
    metrics, answers = analysis.metrics, analysis.answers
    test, base = metrics["test"], metrics["base"]["test"]
    generated = {"teacher, greedy": test["generated"], "untrained base, greedy": base["generated"]}
    if "sampled" in test:
        generated["teacher, drawn"] = test["sampled"]
    chosen = np.unique(np.linspace(0, len(answers) - 1, min(shown, len(answers))).round().astype(int))
    splits = {name: part for name, part in metrics.items() if isinstance(part, dict) and "tokens" in part}
    page = environment().get_template(TEMPLATE)
    content = page.render(
        answers=[answers[at] for at in chosen],
        findings=findings(metrics),
        generated=generated,
        loss_ratio=metrics["loss_ratio"],
        pictures={name: inline((report / name).read_bytes()) for name in PICTURES},
        section=section,
        signatures={name: test["generated"][name]["signature"] for name in ("bleu", "chrf")},
        splits={"test": test, "test, untrained base": base, **splits},
        text_metrics=TEXT_METRICS,
    )
    write_text(report / "report.html", content)
