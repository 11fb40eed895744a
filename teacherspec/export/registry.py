"""The formats that a package can be exported to, and their requirements."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from teacherspec.errors import UserError
from teacherspec.export.axolotl import export_axolotl
from teacherspec.export.distillkit import export_distillkit
from teacherspec.export.package_reader import Source, open_source
from teacherspec.export.safetensors_logits import export_safetensors_logits
from teacherspec.export.timm import export_timm
from teacherspec.export.trl import export_trl
from teacherspec.package.model_export import TIMM
from teacherspec.package.resumable_shards import CONFIG
from teacherspec.package.verification.static_checks import require_sound
from teacherspec.package.verification.verify import limits_of
from teacherspec.runtime.atomic_io import new_folder
from teacherspec.runtime.bounded_child import Limits, run_bounded

ROWS_FACTOR = 16
"""Memory for each byte of stored soft targets."""

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
    "safetensors-logits": Format(
        export_safetensors_logits, frozenset({"label", "logits"}), "plain loops, as tensors"
    ),
    "timm": Format(export_timm, frozenset({"logits"}), "timm's --kd-model-name and create_model", TIMM),
    "trl": Format(export_trl, TOKENS, "TRL's DistillationTrainer and GKDTrainer, as data"),
}


def export(
    folder: Path, target: Path, name: str, splits: tuple[str, ...] = (), *, unchecked: bool = False
) -> None:
    """Write the package in `folder` in the format `name` to the new folder `target`.

    The files are written next to `target` in a child process with limits on time and memory, and become
    `target` when all are there.

    Args:
        folder: the package.
        target: folder to create.
        name: one of `FORMATS`.
        splits: splits to export; all with soft targets where none is given.
        unchecked: whether to go without the checks of files, checksums and metadata.

    Raises:
        UserError: `target` exists; the package fails a check, cannot be exported to this format, or has no
            such split.
    """
    require_new(target, folder)
    if not unchecked:
        require_sound(folder)
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
        request = Request(name, source, list(splits) or sorted(source.splits), partial)
        outcome = run_bounded(write_format, request, limits_for(folder))
        if outcome.failure is not None:
            raise UserError(f"{folder}: cannot be exported to {name}: {outcome.failure}")
        if outcome.messages:
            raise outcome.messages[0]


@dataclass(frozen=True)
class Request:
    """What the child process is to write."""

    name: str
    source: Source
    splits: list[str]
    target: Path


def write_format(request: Request) -> Iterator[UserError]:
    """Write the files of a format; yields a mistake of the user instead of raising it."""
    try:
        FORMATS[request.name].write(request.source, request.splits, request.target)
    except UserError as error:
        yield error


def limits_for(folder: Path) -> Limits:
    """What converting a package of this size may take: some formats hold a split in memory."""
    limits = limits_of(folder)
    rows = sum(path.stat().st_size for path in (folder / "distill" / CONFIG).glob("*.parquet"))
    return replace(limits, memory_bytes=limits.memory_bytes + ROWS_FACTOR * rows, writes=True)


def require_new(target: Path, folder: Path) -> None:
    """Raise unless `target` can become a new folder outside the package.

    Raises:
        UserError: it exists, is in the package, or a folder on its way is a file.
    """
    if os.path.lexists(target):
        raise UserError(f"{target}: exists; give the name of a new folder, or remove it first")
    if target.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{target}: is inside the package, which would no longer be complete; give another")
    above = next(parent for parent in target.absolute().parents if os.path.lexists(parent))
    if not above.is_dir():
        raise UserError(f"{target}: {above} is no folder; give another place")
