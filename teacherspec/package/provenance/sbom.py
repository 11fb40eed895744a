"""A bill of materials of a package: CycloneDX 1.6 with a model card (ML-BOM), for those who audit by machine.

Written out here because cyclonedx-python-lib 11 has no model card yet; its strict validator reads what this
writes in a test. No time and no serial number: the same package gives the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherspec.package.verification.checksums import SUMS, read_sums
from teacherspec.runtime.atomic_io import read_json, sha256_file

MODEL = "teacher"


def bill_of_materials(teacher: Path) -> dict[str, Any]:
    """The model with its card, its base, its data and the libraries that it was built with.

    Args:
        teacher: the package.
    """
    metadata = read_json(teacher / "metadata.json")
    spec = read_json(teacher / "provenance/spec.json")
    base = _base(metadata, read_json(teacher / "provenance/base.json"))
    data = [
        _split(name, split, metadata["data_license"]) for name, split in sorted(metadata["splits"].items())
    ]
    libraries = [_library(name, version) for name, version in sorted(metadata["libraries"].items())]
    components = [base, *data, *libraries]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _model(teacher, metadata, spec["package"], data)},
        "components": components,
        "dependencies": [{"ref": MODEL, "dependsOn": [part["bom-ref"] for part in components]}],
    }


def _model(
    teacher: Path, metadata: Mapping[str, Any], declared: Mapping[str, Any], data: list[dict[str, Any]]
) -> dict[str, Any]:
    """The packaged model: weights as hashed files, and its card."""
    files = [
        {"type": "file", "bom-ref": name, "name": name, "hashes": [_sha256(digest)]}
        for name, digest in sorted(read_sums(teacher).items())
        if name.startswith("model/")
    ]
    measured = [gate for gate in read_json(teacher / "READINESS.json")["gates"] if gate["measured"]]
    card = {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": metadata["task"],
            "modelArchitecture": metadata["base_model"]["architecture"],
            "datasets": [{"ref": split["bom-ref"]} for split in data],
        },
        "quantitativeAnalysis": {"performanceMetrics": [_metric(gate) for gate in measured]},
        "considerations": {
            "useCases": [declared["intended_use"]],
            "technicalLimitations": [*declared["limits"], *metadata["advice"]],
        },
    }
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": metadata["name"],
        "description": declared["description"],
        "hashes": [_sha256(sha256_file(teacher / SUMS))],
        "licenses": [_license(metadata["license"])],
        "modelCard": card,
        "components": files,
    }


def _metric(gate: Mapping[str, Any]) -> dict[str, Any]:
    measured = gate["measured"]
    found = {"type": gate["metric"], "value": str(measured["value"])}
    if measured["low"] is not None and measured["high"] is not None:
        ends = {"lowerBound": str(measured["low"]), "upperBound": str(measured["high"])}
        return {**found, "confidenceInterval": ends}
    return found


def _base(metadata: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    source = metadata["base_model"]["source"]
    name = source.get("id") or source.get("project") or source.get("folder") or "base"
    version = {key: source[key] for key in ("revision", "version") if key in source}
    files = [
        {"type": "file", "bom-ref": f"base/{file}", "name": file, "hashes": [_sha256(entry["sha256"])]}
        for file, entry in sorted(manifest["files"].items())
    ]
    return {
        "type": "machine-learning-model",
        "bom-ref": "base",
        "name": name,
        **({"version": next(iter(version.values()))} if version else {}),
        "licenses": [_license(metadata["base_model"]["license"])],
        "components": files,
    }


def _split(name: str, split: Mapping[str, Any], licence: str) -> dict[str, Any]:
    described = {
        "type": "dataset",
        "name": name,
        "description": f"{split['rows']} rows, role {split['role']}",
    }
    return {
        "type": "data",
        "bom-ref": f"data/{name}",
        "name": name,
        "hashes": [_sha256(split["sha256"])],
        "licenses": [_license(licence)],
        "data": [described],
    }


def _library(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _license(name: str) -> dict[str, Any]:
    # By name, not SPDX id: Hugging Face identifiers such as `llama3.1` are none.
    return {"license": {"name": name}}


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}
