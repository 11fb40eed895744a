"""The comparison as Markdown."""

from benchmarks.few_shot.measure import Comparison

METRICS = {"chrf": "chrF", "exact_match": "exact match", "nll": "NLL a token"}
FORMATS = {"chrf": ".1f", "exact_match": ".3f", "nll": ".3f"}


def lines(found: Comparison, date: str) -> list[str]:
    """One line a metric: base alone, base with examples, teacher, and what it gains over the second."""
    head = [
        f"{found.prompts} test prompts, {found.shots} examples before each, {date}.",
        "",
        "| | base alone | base with examples | teacher | gain over examples |",
        "|---|--:|--:|--:|--:|",
    ]
    return head + [line(found, name) for name in METRICS]


def line(found: Comparison, name: str) -> str:
    """One metric."""
    shape, gained = FORMATS[name], found.gain[name]
    values = [format(getattr(found.quality[model], name), shape) for model in ("base", "shots", "teacher")]
    value, low, high = (format(gained[key], shape) for key in ("value", "low", "high"))
    cells = [METRICS[name], *values, f"{value} ({low} to {high})"]
    return f"| {' | '.join(cells)} |"
