"""The tables of the README, from the lines of `runs.jsonl`."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.page import fill

README = Path(__file__).with_name("README.md")
REFERENCE = "linear probe alone"
PLAIN = "probed head"
"""What every other recipe with a probed head adds its option to."""

COLUMNS = {
    "accuracy": "accuracy",
    "shifted_accuracy": "shifted",
    "nll": "NLL",
    "nll_scaled": "NLL at T",
    "ece_excess": "ECE − noise",
    "aurc": "AURC",
    "seconds": "CPU s",
}
"""Score → title of its column."""

Scores = Mapping[str, Mapping[int, Mapping[str, float]]]
"""Recipe → seed → scores."""


def write_tables(runs: Path) -> None:
    """Fill one table a data set into the README."""
    found: dict[str, dict[str, dict[int, dict[str, float]]]] = defaultdict(lambda: defaultdict(dict))
    for line in runs.read_text(encoding="utf-8").splitlines():
        scores = json.loads(line)
        found[scores.pop("set")][scores.pop("recipe")][scores.pop("seed")] = scores
    lines = []
    for name, recipes in sorted(found.items()):
        lines += [f"### {name}", "", *_table(recipes), ""]
        lines += [f"Paired by seed with `{PLAIN}`:", "", *_paired_table(recipes), ""]
    fill(README, "tables", lines[:-1])


def _table(recipes: Scores) -> list[str]:
    lines = [f"| recipe | seeds | {' | '.join(COLUMNS.values())} |", "|---|--:|" + "--:|" * len(COLUMNS)]
    reference = recipes[REFERENCE]
    means = [f"{np.mean([one[name] for one in reference.values()]):.3f}" for name in COLUMNS]
    lines.append(f"| {REFERENCE} | – | {' | '.join(means)} |")
    for recipe, by_seed in recipes.items():
        if recipe != REFERENCE:
            cells = [difference(name, by_seed, reference) for name in COLUMNS]
            lines.append(f"| {recipe} | {len(by_seed)} | {' | '.join(cells)} |")
    return lines


def _paired_table(recipes: Scores) -> list[str]:
    """Each recipe against the one without its option, with the seeds that both have."""
    scores = {name: title for name, title in COLUMNS.items() if name != "seconds"}
    lines = [f"| recipe | seeds | {' | '.join(scores.values())} |", "|---|--:|" + "--:|" * len(scores)]
    plain = recipes[PLAIN]
    for recipe, by_seed in recipes.items():
        seeds = sorted(by_seed.keys() & plain.keys())
        if recipe not in (REFERENCE, PLAIN) and len(seeds) > 1:
            cells = [interval([by_seed[seed][name] - plain[seed][name] for seed in seeds]) for name in scores]
            lines.append(f"| {recipe} | {len(seeds)} | {' | '.join(cells)} |")
    return lines


def difference(
    name: str, by_seed: Mapping[int, Mapping[str, float]], reference: Mapping[int, Mapping[str, float]]
) -> str:
    """Mean difference over the seeds to the reference, which depends on none."""
    (only,) = reference.values()
    return interval([scores[name] - only[name] for _, scores in sorted(by_seed.items())])


def interval(values: Sequence[float]) -> str:
    """`+0.012 ± 0.004`, the half width of the 95 % interval by Student's t; none of a single value."""
    if len(values) < 2:
        return f"{np.mean(values):+.3f}"
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):+.3f} ± {half:.3f}"
