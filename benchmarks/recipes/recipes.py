"""The recipes that are compared: declarations of `finetune`, and candidates that the product lacks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.recipes.candidates import Extras

BEFORE: Mapping[str, Any] = {
    "epochs": 6, "batch_size": 16, "learning_rate": 1e-4, "early_stopping": {"patience": 2},
}  # fmt: skip
"""The default of this project before the comparison: a head from random weights."""

PROBED: Mapping[str, Any] = {**BEFORE, "epochs": 4, "linear_probe_first": True}


@dataclass(frozen=True)
class Recipe:
    """One training, and what is scored of it.

    Attributes:
        declared: section `finetune`, without the seed.
        extras: of a candidate.
        interpolated: weights of the fine-tuned parameters that are scored too, mixed with the start.
        folds: models on K-1 of K folds of the train rows whose weights are averaged; 0 for one on all.
        contrastive_epochs: epochs of supervised contrastive learning before.
    """

    declared: Mapping[str, Any]
    extras: Extras = field(default_factory=Extras)
    interpolated: tuple[float, ...] = ()
    folds: int = 0
    contrastive_epochs: int = 0


RECIPES: Mapping[str, Recipe] = {
    "random head": Recipe(BEFORE),
    "probed head": Recipe(PROBED, Extras(ema=0.98), interpolated=(0.7,)),
    "probed head, mixup 1": Recipe(PROBED, Extras(mixup=1.0), interpolated=(0.5,)),
    "probed head, R-Drop 1": Recipe(PROBED, Extras(r_drop=1.0)),
    "random head, rate 1e-3": Recipe({**BEFORE, "head_learning_rate": 1e-3}),
    "probed head, rate 5e-5": Recipe({**PROBED, "learning_rate": 5e-5}),
    "probed head, layer decay 0.8": Recipe(PROBED, Extras(layer_decay=0.8)),
    "probed head, L2 to the start": Recipe(PROBED, Extras(l2_start=10.0)),
    "probed head, contrastive first": Recipe(PROBED, contrastive_epochs=2),
    "probed head, mean of 3 folds": Recipe(PROBED, folds=3),
}
"""Name → recipe, in the order in which they are run and shown."""
