"""`metadata.json` of a package, from what the earlier stages left."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from teacherspec.package.card.card_findings import advice
from teacherspec.package.card.readiness import verdict
from teacherspec.package.metadata import Metadata
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.package.provenance.provenance import Provenance
from teacherspec.package.quality_gates import GateResult, find
from teacherspec.package.stage_outputs import StageOutputs
from teacherspec.package.student_metadata import DeclaredStudent
from teacherspec.package.transformers_4 import least_version
from teacherspec.package.vocab_fingerprint import vocabulary
from teacherspec.runtime.atomic_io import read_json, sha256_bytes

ESTIMATES = {
    "validation_accuracy": "evaluate.validation.accuracy",
    "test_accuracy": "evaluate.test.accuracy",
    "ece": "calibrate.test.ece.after",
}
"""Fields of the metadata and the metrics they repeat."""


def build_metadata(
    inputs: PackageInputs,
    gates: Sequence[GateResult],
    provenance: Provenance,
    soft_targets: Mapping[str, Any],
    parameters: int,
) -> Metadata:
    """Content of `metadata.json`.

    Args:
        inputs: of the package.
        gates: result of each gate.
        provenance: what the teacher was made from.
        soft_targets: `rows`, split → number of soft targets, and their statistics.
        parameters: of the packaged model.
    """
    section, outputs = inputs.section, inputs.outputs
    prepared, training = outputs.prepared, outputs.training
    declared = training["declared"]
    smoothing = declared["loss"].get("label_smoothing", 0.0)
    tokens = vocabulary(inputs.folder / "model")
    return Metadata.model_validate(
        {
            "schema_version": 1,
            "name": section.name,
            "task": prepared.task,
            "label_names": prepared.label_names,
            "label_names_sha256": label_names_sha256(prepared.label_names),
            "base_model": {
                **{key: provenance.base[key] for key in ("source", "architecture", "license")},
                "stored_as": provenance.base.get("gguf", {}).get("tensors"),
            },
            "parameters": parameters,
            "vocabulary": tokens,
            "examples": training["train_rows"],
            "splits": {
                name: {"role": split.role, "rows": split.rows, "sha256": split.sha256}
                for name, split in prepared.splits.items()
            },
            **{name: declared[name] for name in ("learning_rate", "batch_size")},
            **{name: training[name] for name in ("epochs", "best_epoch")},
            "label_smoothing": smoothing,
            **{name: _estimate(outputs, metric) for name, metric in ESTIMATES.items()},
            "loss_ratio": outputs.number("evaluate.loss_ratio").value,
            "calibration": _calibration(outputs),
            "soft_targets": _soft_targets(outputs, soft_targets),
            "advice": tuple(advice(outputs, smoothing, soft_targets, tokens)),
            "license": outputs.manifest["license"],
            "data_license": section.data_license,
            "student": DeclaredStudent.model_validate_json(json.dumps(outputs.student))
            if outputs.student
            else None,
            "verdict": verdict(gates),
            "least_transformers": least_version(read_json(inputs.folder / "model/config.json")),
            "libraries": dict(provenance.libraries),
            "digests": provenance.digests(),
        }
    )


def label_names_sha256(names: Sequence[str]) -> str:
    """SHA-256 of the names in their order, each as UTF-8 and ended by a line feed."""
    return sha256_bytes("".join(f"{name}\n" for name in names).encode())


def _estimate(outputs: StageOutputs, metric: str) -> dict[str, float | None] | None:
    """The number with this dotted name; None where teachers of this output type report none."""
    reports_scores = find(outputs.reports, "evaluate.test.rmse") is not None
    return None if reports_scores else asdict(outputs.number(metric))


def _calibration(outputs: StageOutputs) -> dict[str, Any]:
    noise = find(outputs.reports, "calibrate.test.ece.noise_after")
    return {
        "method": outputs.calibration["calibrator"]["kind"],
        "ece_before": _estimate(outputs, "calibrate.test.ece.before"),
        "ece_after": _estimate(outputs, "calibrate.test.ece.after"),
        "ece_noise": noise.value if noise else None,
    }


def _soft_targets(outputs: StageOutputs, found: Mapping[str, Any]) -> dict[str, Any]:
    rows: Mapping[str, int] = found["rows"]
    on_train = sum(n for name, n in rows.items() if outputs.prepared.splits[name].role == "train")
    return {"temperature": 1, **found, "on_train_share": on_train / max(1, sum(rows.values()))}
