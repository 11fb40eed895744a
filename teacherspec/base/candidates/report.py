"""The comparison of candidates as Markdown, from `candidates.json`."""

from collections.abc import Iterator, Mapping
from typing import Any

TITLES = {
    "linear_probe": "linear probe, NLL",
    "nearest_neighbours": "nearest neighbours, accuracy",
    "logme": "LogME",
    "h_score": "H-score",
    "bits_per_byte": "bits per byte",
    "recall_at_1": "recall at 1",
}
"""Score → title of its column."""


def describe_candidates(candidates: Mapping[str, Any]) -> Iterator[str]:
    """What was chosen and why, and a table with every candidate."""
    each = candidates["each"]
    scores = next(one["scores"] for one in each.values() if one["scores"])
    yield "## Candidates\n"
    yield f"{verdict(candidates)}\n"
    titles = [TITLES[name] for name in scores]
    yield f"| candidate | rank | {' | '.join(titles)} | parameters | training MiB | GFLOP a row |"
    yield f"|---|--:|{'--:|' * len(scores)}--:|--:|--:|"
    for name, one in each.items():
        mark = "**" if name == candidates["chosen"] else ""
        cells = [_cell(one["scores"].get(score)) for score in scores]
        size = [f"{one['parameters']:,}", f"{one['training_mib']:,.0f}", f"{one['gflops']:.3g}"]
        rank = _rank(one["scores"].get(candidates["ranked_by"]))
        yield f"| {mark}{name}{mark} | {rank} | {' | '.join([*cells, *size])} |"
    yield (
        "\nRanks with their 95 % interval over resampled rows; in each cell the value, and the rank by it in "
        "parentheses. Train and validation rows only. Training: full fine-tuning, one example.\n"
    )
    yield from (f"- {name} is excluded: {why}." for name, one in each.items() for why in one["excluded"])
    yield ""


def verdict(candidates: Mapping[str, Any]) -> str:
    """Which candidate was taken, and whether the ranking decided it."""
    chosen, best = candidates["chosen"], candidates["possibly_best"]
    by = _words(candidates["ranked_by"])
    if candidates["decided"] and chosen == best[0]:
        return f"Chosen: {chosen}, first by {by}."
    if candidates["decided"]:
        return f"Declared: {chosen}; by {by} {best[0]} is first."
    tied = ", ".join(best)
    taken = "Chosen" if chosen in best else "Declared"
    return (
        f"{taken}: {chosen}. Undecided by {by}: these rows cannot rank {tied} "
        "(base.choice.undecided states which of them is taken)."
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _cell(score: Mapping[str, Any] | None) -> str:
    return "–" if score is None else f"{score['value']:.3f} ({score['rank']['value']:g})"


def _rank(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return "–"
    rank = score["rank"]
    return f"{rank['value']:g} ({rank['low']:g} to {rank['high']:g})"
