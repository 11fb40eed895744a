"""Files of a package that follow from others: `metadata.json` and both cards, made again and compared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from teacherspec.package.build_metadata import build_metadata
from teacherspec.package.card.dataset_card import dataset_card
from teacherspec.package.card.model_card import model_card
from teacherspec.package.output_types import OUTPUT_TYPES
from teacherspec.package.package_inputs import PackageInputs, target_splits
from teacherspec.package.provenance.provenance import Provenance
from teacherspec.package.quality_gates import GateResult, evaluate_gates
from teacherspec.package.resumable_shards import shard_paths
from teacherspec.package.stage_outputs import (
    CLASSES,
    LABELS,
    TYPES,
    StageOutputs,
    Stages,
    read_classes,
    read_student,
    read_types,
)
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.runtime.atomic_io import read_json, round_floats
from teacherspec.splits import Prepared, Split

SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class Parts:
    """What metadata and cards are made from, read from the other files of a package."""

    inputs: PackageInputs
    gates: tuple[GateResult, ...]
    provenance: Provenance


def parts_of(opened: OpenedPackage) -> Parts:
    """What `package` made metadata and cards from, as far as the package holds it."""
    folder, metadata = opened.folder, opened.metadata
    written, base = (read_json(folder / f"provenance/{name}.json") for name in ("digests", "base"))
    splits = {
        name: Split(name, split.role, split.rows, split.sha256, folder / "not-packaged")
        for name, split in sorted(metadata.splits.items())
    }
    details = tuple(column.name for column in opened.task.row_schema().label_details)
    outputs = StageOutputs(
        prepared=Prepared(metadata.task, metadata.label_names, splits, details),
        training=read_json(folder / "provenance/training.json"),
        manifest=base,
        calibration=opened.calibration(),
        reports=opened.reports,
        findings=read_json(folder / "eval/evaluate/findings.json"),
        classes=read_classes(folder / "eval" / CLASSES),
        student=read_student(folder / "eval"),
        labels=read_classes(folder / "eval" / LABELS),
        types=read_types(folder / "eval" / TYPES),
    )
    inputs = PackageInputs(opened.task, opened.section, outputs, Stages(folder, folder / "eval"), (), folder)
    data = {name: split.sha256 for name, split in splits.items()}
    made_from = Provenance(opened.spec, data, base, written["predictions"], written["libraries"])
    return Parts(inputs, evaluate_gates(opened.section.gates, opened.reports), made_from)


def check_metadata_fields(opened: OpenedPackage) -> Iterator[str]:
    """Every field of `metadata.json` is what the other files of the package give."""
    parts = parts_of(opened)
    rows = {
        split: sum(pq.read_metadata(path).num_rows for path in shard_paths(opened.folder / "distill", split))
        for split in target_splits(opened.section, parts.inputs.outputs.prepared)
    }
    statistics = OUTPUT_TYPES[opened.task.output_type].target_statistics(opened.folder, list(rows))
    found = build_metadata(
        parts.inputs, parts.gates, parts.provenance, {"rows": rows, **statistics}, opened.parameters
    )
    stated, own = (round_floats(one.model_dump(mode="json")) for one in (opened.metadata, found))
    for field in stated:
        yield from _differences(field, stated[field], own[field])


def _differences(name: str, stated: Any, own: Any) -> Iterator[str]:
    """The parts of a field that differ, by their dotted names."""
    if isinstance(stated, Mapping) and isinstance(own, Mapping):
        for key in sorted({*stated, *own}):
            yield from _differences(f"{name}.{key}", stated.get(key), own.get(key))
    elif stated != own:
        yield f"metadata.json: {name} is {_shown(stated)}, the other files give {_shown(own)}"


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def check_cards(opened: OpenedPackage) -> Iterator[str]:
    """Both cards, made again, are the packaged ones to the byte.

    People read them, and `datasets` reads from the second which files to load.
    """
    parts, folder = parts_of(opened), opened.folder
    names = target_splits(opened.section, parts.inputs.outputs.prepared)
    text = OUTPUT_TYPES[opened.task.output_type].targets_text(opened.metadata.soft_targets)
    cards = {
        "README.md": model_card(parts.inputs, parts.gates, opened.metadata),
        "distill/README.md": dataset_card(folder / "distill", names, text),
    }
    for name, own in cards.items():
        given = (folder / name).read_text(encoding="utf-8")
        if given != own:
            lines = zip([*given.splitlines(), ""], [*own.splitlines(), ""], strict=False)
            line = next((at for at, (left, right) in enumerate(lines, start=1) if left != right), 1)
            yield f"{name}:{line}: is not the card that the other files give"
