"""Keys of the declaration that have a new name; an old one is answered with the new one for one release."""

from collections.abc import Mapping

RENAMED: Mapping[tuple[str, ...], str] = {
    ("finetune", "head_first"): "linear_probe_first",
    ("finetune", "interpolation"): "weight_interpolation",
    ("finetune", "reproducibility"): "base.reproducibility",
    ("finetune", "method", "whole"): "modules_to_save",
    ("package", "gates", "judge"): "tested",
}
"""Place of the old key, without numbers of items → new name, in the same section unless it names another."""
