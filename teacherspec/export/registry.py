"""The formats that a package can be exported to, and their requirements."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from teacherspec.errors import UserError
from teacherspec.export.axolotl import export_axolotl
from teacherspec.export.distillkit import export_distillkit
from teacherspec.export.package_reader import Source, open_source
from teacherspec.export.safetensors_logits import export_safetensors_logits
from teacherspec.export.timm import export_timm
from teacherspec.export.trl import export_trl
from teacherspec.package.model_export import TIMM
from teacherspec.runtime.atomic_io import new_folder

TOKENS = frozenset({"input_ids", "completion_mask", "token_ids", "top_values"})


@dataclass(frozen=True)
class Format:
    """A format that other programs read.

    Attributes:
        write: from the package and the declared splits to files in a folder.
        needs: columns that the soft targets must have.
        what: for whom, in a few words.
        model_type: that the model must be of; any where empty.
    """

    write: Callable[[Source, list[str], Path], None]
    needs: frozenset[str]
    what: str
    model_type: str = ""

    def takes(self, source: Source) -> bool:
        """Whether the package can be written in this format."""
        return self.needs <= source.columns and self.model_type in ("", source.model_type())


FORMATS: Mapping[str, Format] = {
    "axolotl": Format(export_axolotl, TOKENS, "axolotl's KD plugin, offline log-probabilities"),
    "distillkit": Format(export_distillkit, TOKENS, "DistillKit, offline teacher"),
    "safetensors-logits": Format(export_safetensors_logits, frozenset({"logits"}), "plain loops, as tensors"),
    "timm": Format(export_timm, frozenset({"logits"}), "timm's --kd-model-name and create_model", TIMM),
    "trl": Format(export_trl, TOKENS, "TRL's DistillationTrainer and GKDTrainer, as data"),
}


def export(folder: Path, target: Path, name: str, splits: tuple[str, ...] = ()) -> None:
    """Write the package in `folder` in the format `name` to the new folder `target`.

    Args:
        folder: the package.
        target: folder to create; an older one is replaced.
        name: one of `FORMATS`.
        splits: splits to export; all with soft targets where none is given.

    Raises:
        UserError: the package cannot be exported to this format, or has no such split.
    """
    source = open_source(folder)
    wanted = FORMATS[name]
    if lacking := sorted(wanted.needs - source.columns):
        possible = sorted(key for key, other in FORMATS.items() if other.takes(source))
        raise UserError(
            f"{folder}: its soft targets have no column {', '.join(lacking)}, which {name} needs; this "
            f"teacher can be exported to {', '.join(possible) or 'no other format'}"
        )
    if unknown := [split for split in splits if split not in source.splits]:
        there = ", ".join(sorted(source.splits))
        raise UserError(f"{folder}: no soft targets of {', '.join(unknown)} (there are {there})")
    with new_folder(target) as partial:
        wanted.write(source, list(splits) or sorted(source.splits), partial)
