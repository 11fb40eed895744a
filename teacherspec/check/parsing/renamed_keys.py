"""Keys of the declaration that have a new name; an old one is answered with the new one for one release."""

from collections.abc import Mapping

RENAMED: Mapping[tuple[str | int, ...], str] = {
    ("finetune", "head_first"): "linear_probe_first",
    ("finetune", "interpolation"): "weight_interpolation",
    ("finetune", "reproducibility"): "base.reproducibility",
    ("finetune", "method", "whole"): "modules_to_save",
}
"""Place of the old key → new name of the key, in the same section unless it names another."""
