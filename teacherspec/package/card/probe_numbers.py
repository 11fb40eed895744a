"""The numbers of the student probe in words, for the card, its advice and the terminal."""

from collections.abc import Mapping
from typing import Any

POINTS = 100
"""Points of a share."""


SCORES = {"accuracy": "accuracy", "recall_at_1": "recall at 1"}
"""Name of the score of a student → in words."""


def score_name(probed: Mapping[str, Any]) -> str:
    """Key of `SCORES`: the score whose lift is reported."""
    taught = probed["test"]["taught"]
    return next(name for name in SCORES if name in taught)


def recommendation(probed: Mapping[str, Any]) -> str:
    """How the best student was taught, as a sentence."""
    chosen = probed["recommended"]
    weight = chosen["weight"]
    mixed = "soft targets alone" if weight == 1 else f"weight {weight:g}, labels with the rest"
    if chosen.get("embeddings"):
        return f"Best taught by the teacher's embeddings, {mixed}."
    targets = "calibrated" if chosen["calibrated"] else "raw"
    return f"Best taught by {targets} logits at distillation temperature {chosen['temperature']:g}, {mixed}."


def probed_sets(probed: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Reported set → its numbers, test first."""
    found = {name: entry for name, entry in probed.items() if isinstance(entry, Mapping) and "lift" in entry}
    return dict(sorted(found.items(), key=lambda pair: (pair[0] != "test", pair[0])))


def points(lift: Mapping[str, float]) -> str:
    """`+3.3 (1.8 to 4.8)`."""
    value, low, high = (POINTS * lift[end] for end in ("value", "low", "high"))
    return f"{value:+.1f} ({low:.1f} to {high:.1f})".replace("-", "−")


def advice_of(probed: Mapping[str, Any]) -> list[str]:
    """What taught the student best, on rows that the report does not use; empty without a probe."""
    if not probed:
        return []
    lift = points(probed["test"]["lift"])
    sentence = (
        f"{recommendation(probed)} The lift of that student over labels alone is {lift} points of "
        f"{SCORES[score_name(probed)]} on test; another student may prefer other settings."
    )
    return [sentence]
