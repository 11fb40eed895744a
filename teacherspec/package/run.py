"""The stage `package`: assemble the teacher, evaluate its gates, and write the folder that is handed over."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.errors import DataError, UserError
from teacherspec.package.build_metadata import build_metadata
from teacherspec.package.card import readiness
from teacherspec.package.card.model_card import model_card
from teacherspec.package.generation.soft_targets import SCRATCH
from teacherspec.package.golden_examples import write_golden
from teacherspec.package.model_export import pack_model
from teacherspec.package.output_types import OUTPUT_TYPES
from teacherspec.package.package_inputs import PackageInputs, target_splits
from teacherspec.package.page.page_inputs import page_inputs
from teacherspec.package.page.render import render_page
from teacherspec.package.provenance.attestation import attest
from teacherspec.package.provenance.provenance import provenance
from teacherspec.package.quality_gates import GateResult, evaluate_gates
from teacherspec.package.stage_outputs import (
    OPTIONAL_REPORTS,
    REPORTS,
    STUDENT,
    StageOutputs,
    Stages,
    load_stage_outputs,
    read_student,
)
from teacherspec.package.verification.checksums import files_below, write_sums
from teacherspec.package.vocab_trimming import require_vocabulary, trim_vocabulary
from teacherspec.runtime.atomic_io import new_folder, round_floats, scratch_folder, write_json, write_text
from teacherspec.spec.augmentation import VIEWS
from teacherspec.spec.package import Package
from teacherspec.splits import Split
from teacherspec.tasks.shared.interfaces.capabilities import ExtraTargets
from teacherspec.tasks.shared.interfaces.kind import Kind

ATTESTATION = "attestation"
"""Folder next to the teacher, in no stage's outs: it holds time and commit, which differ between runs."""


@dataclass(frozen=True)
class PackageResult:
    """Result of the stage.

    Attributes:
        outputs: what the earlier stages reported.
        gates: result of each gate.
        teacher: the folder that was written.
        size_bytes: of all its files.
    """

    outputs: StageOutputs
    gates: Sequence[GateResult]
    teacher: Path
    size_bytes: int


def run_package(
    section: Package,
    task: Kind,
    spec: Mapping[str, Any],
    stages: Stages,
    teacher: Path,
    report: Path,
) -> PackageResult:
    """Write the teacher to `teacher`, its verdict to `report`, and who built it to `attestation/` next to it;
    and `teacher.html`, the page of the teacher, into the folder of reports.

    Args:
        section: `params.yaml: package`.
        task: the declared task.
        spec: all sections, JSON-able, for the digests.
        stages: where the earlier stages left their work.
        teacher: folder to create.
        report: folder for `metrics.json` and `readiness.md`.

    Raises:
        UserError: outputs of the stages do not belong together, the vocabulary is not as declared, or a gate
            failed where `on_not_ready` is `fail`.
    """
    outputs = load_stage_outputs(stages)
    splits = _declared_splits(section, outputs)
    gates = evaluate_gates(section.gates, outputs.reports)
    write_page(task, section, spec, outputs, stages, gates)  # first: it shows why a teacher is not ready
    if section.on_not_ready == "fail":
        require_ready(gates)
    require_vocabulary(section, stages.finetuned / "model")
    made_from = provenance(spec, outputs.prepared, outputs.manifest, stages.evaluated / "predictions")
    of_type = OUTPUT_TYPES[task.output_type]
    with new_folder(teacher) as folder:
        trimmed = write_model(task, section, stages.finetuned / "model", folder / "model")
        parameters = trimmed or outputs.training["parameters"]
        inputs = PackageInputs(task, section, outputs, stages, splits, folder)
        write_golden(inputs, of_type.golden_mismatch)
        rows = of_type.write_targets(inputs)
        if extra := task.capability(ExtraTargets):
            extra.write_extra_targets(folder / "model", splits, folder / "distill")
        soft_targets = {"rows": rows, **of_type.target_statistics(folder, list(rows))}
        copy_reports(stages, folder)
        made_from.write(folder / "provenance")
        metadata = build_metadata(inputs, gates, made_from, soft_targets, parameters)
        write_json(folder / "metadata.json", round_floats(metadata.model_dump(mode="json")))
        write_json(folder / "READINESS.json", readiness.as_json(gates))
        write_text(folder / "README.md", model_card(inputs, gates, metadata))
        write_sums(folder)
    shutil.rmtree(SCRATCH, ignore_errors=True)  # the package is complete: nothing is left to resume
    attest(teacher, teacher.with_name(ATTESTATION))
    size_bytes = size_of(teacher)
    numbers = {"size_bytes": size_bytes, "parameters": parameters, "soft_targets": sum(rows.values())}
    write_reports(report, section.name, gates, numbers)
    return PackageResult(outputs, gates, teacher, size_bytes)


def write_page(
    task: Kind,
    section: Package,
    spec: Mapping[str, Any],
    outputs: StageOutputs,
    stages: Stages,
    gates: Sequence[GateResult],
) -> None:
    """Write the page of the teacher; arguments as of `page_inputs`."""
    write_text(stages.page, render_page(page_inputs(task, section, spec, outputs, stages, gates)))


def write_model(task: Kind, section: Package, finetuned: Path, target: Path) -> int | None:
    """Write the fine-tuned model; where its vocabulary is trimmed, returns the parameters that are left."""
    if section.trim_vocabulary is None:
        pack_model(finetuned, target)
        return None
    with scratch_folder(target.parent.parent / "trimmed") as folder:
        parameters = trim_vocabulary(task, finetuned, section.trim_vocabulary, folder / "model")
        pack_model(folder / "model", target)
    return parameters


def size_of(teacher: Path) -> int:
    """Bytes of all files of a package."""
    return sum((teacher / name).stat().st_size for name in files_below(teacher))


def require_ready(gates: Sequence[GateResult]) -> None:
    """Raise where a gate failed.

    Raises:
        UserError: names every gate that failed, with the reason.
    """
    if not gates:
        raise UserError("package.gates: declares none, so nothing shows that the teacher is ready")
    failed = [gate for gate in gates if not gate.passed]
    if failed:
        raise UserError([f"gate {gate.gate.metric}: {gate.reason}" for gate in failed])


def _declared_splits(section: Package, outputs: StageOutputs) -> tuple[Split, ...]:
    splits = outputs.prepared.splits
    unknown = [name for name in section.soft_targets if name not in splits]
    if unknown:
        raise DataError(
            f"package.soft_targets: no split {', '.join(unknown)} was prepared (allowed: {', '.join(splits)})"
        )
    return tuple(splits[name] for name in target_splits(section, outputs.prepared))


def copy_reports(stages: Stages, folder: Path) -> None:
    """Copy calibration, facts of the training, reports and recorded views, as the stages wrote them."""
    copies = {stages.calibrated / "calibration.json": folder / "calibration/calibration.json"}
    copies |= {stages.reports / name: folder / "eval" / name for name in REPORTS}
    copies[stages.finetuned / "training.json"] = folder / "provenance/training.json"
    optional = [name for name in OPTIONAL_REPORTS if (stages.reports / name).is_file()]
    copies |= {stages.reports / name: folder / "eval" / name for name in optional}
    if read_student(stages.reports):
        copies[stages.reports / STUDENT] = folder / "eval" / STUDENT
    if (stages.finetuned / VIEWS).is_file():
        copies[stages.finetuned / VIEWS] = folder / "distill" / VIEWS
    for source, target in copies.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def write_reports(report: Path, name: str, gates: Sequence[GateResult], numbers: Mapping[str, int]) -> None:
    """What a pull request shows: `metrics.json` and `readiness.md`."""
    passed = sum(gate.passed for gate in gates)
    counts = {"passed": passed, "failed": len(gates) - passed}
    write_json(report / "metrics.json", {"gates": counts, **numbers})
    write_text(report / "readiness.md", readiness.report(name, gates))
