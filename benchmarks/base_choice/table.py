"""The tables of the README, from the lines of `runs.jsonl`."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.page import fill
from teacherspec.base.candidates.ranking import Rank, choose, possibly_best, ranks
from teacherspec.base.candidates.scores import Score
from teacherspec.metrics.scores.intervals import BootstrapDraws

README = Path(__file__).with_name("README.md")
SCORES = {
    "linear_probe": "linear probe, NLL",
    "nearest_neighbours": "neighbours, accuracy",
    "logme": "LogME",
    "h_score": "H-score",
}
FEWEST_RANKED = 3
"""Fine-tuned candidates below which a correlation of ranks tells nothing."""


def write_tables(runs: Path) -> None:
    """Fill one table a data set, with what each score would have chosen."""
    ranked: dict[str, dict[str, Any]] = defaultdict(dict)
    tuned: dict[str, dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    for line in runs.read_text(encoding="utf-8").splitlines():
        found = json.loads(line)
        name, candidate, seed = found.pop("set"), found.pop("candidate"), found.pop("seed")
        if seed is None:
            ranked[name][candidate] = found
        else:
            tuned[name][candidate].append(found)
    lines = []
    for name in sorted(tuned):
        lines += [f"### {name}", "", *_table(ranked[name], tuned[name]), ""]
    fill(README, "tables", lines[:-1])


def _table(measured: Mapping[str, Any], tuned: Mapping[str, Sequence[Mapping[str, float]]]) -> list[str]:
    by_score = {
        score: ranks({name: _score(one[score]) for name, one in measured.items()}) for score in SCORES
    }
    lines = [
        f"| candidate | parameters | {' | '.join(SCORES.values())} | fine-tuned accuracy | shifted | seeds |",
        f"|---|--:|{'--:|' * len(SCORES)}--:|--:|--:|",
    ]
    for name, one in measured.items():
        cells = [f"{one[score]['value']:.3f} {_rank(by_score[score][name])}" for score in SCORES]
        results = [_mean(tuned.get(name, ()), key) for key in ("accuracy", "shifted_accuracy")]
        row = [name, f"{one['parameters']:,}", *cells, *results, str(len(tuned.get(name, ())))]
        lines.append(f"| {' | '.join(row)} |")
    sizes = {name: one["parameters"] for name, one in measured.items()}
    accuracy = {name: float(np.mean([run["accuracy"] for run in runs])) for name, runs in tuned.items()}
    lines += ["", "| score | may be the best | taken | below the best accuracy | Spearman with accuracy |"]
    lines += ["|---|---|---|--:|--:|"]
    for score, title in SCORES.items():
        best = possibly_best(by_score[score])
        taken = choose(best, sizes, "smallest")
        lost = f"{max(accuracy.values()) - accuracy[taken]:.3f}" if taken in accuracy else "–"
        agreement = _agreement(by_score[score], accuracy)
        lines.append(f"| {title} | {'; '.join(best)} | {taken} | {lost} | {agreement} |")
    return lines


def _mean(runs: Sequence[Mapping[str, float]], key: str) -> str:
    return f"{np.mean([run[key] for run in runs]):.3f}" if runs else "–"


def _score(found: Mapping[str, Any]) -> Score:
    draws = BootstrapDraws(np.asarray(found["value"]), np.asarray(found["draws"]))
    return Score(draws, found["higher_is_better"])


def _rank(rank: Rank) -> str:
    return f"({rank.value:g}: {rank.low:g} to {rank.high:g})"


def _agreement(ranked: Mapping[str, Rank], accuracy: Mapping[str, float]) -> str:
    if len(accuracy) < FEWEST_RANKED:
        return "–"
    found = spearmanr([-ranked[name].value for name in accuracy], list(accuracy.values()))
    return f"{found.statistic:.2f}"
