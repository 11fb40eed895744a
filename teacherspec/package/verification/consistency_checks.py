"""Whether the parts of a package agree: vocabulary, digests, verdict, numbers, calibration."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from teacherspec.package.build_metadata import ESTIMATES
from teacherspec.package.card.readiness import as_json
from teacherspec.package.provenance.provenance import digest
from teacherspec.package.quality_gates import evaluate_gates, find
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.package.vocab_fingerprint import vocabulary
from teacherspec.runtime.atomic_io import encode_json, read_json
from teacherspec.spec.package import Gate

NLL_TOLERANCE = 1e-5
"""Reports are rounded to six decimals."""


def check_vocabulary(opened: OpenedPackage) -> Iterator[str]:
    """The vocabulary of the packaged tokenizer is the stated one."""
    stated = opened.metadata.vocabulary
    if vocabulary(opened.folder / "model") != (stated and stated.model_dump()):
        yield "metadata.json: vocabulary is not that of model/tokenizer.json and model/config.json"


def check_digests(opened: OpenedPackage) -> Iterator[str]:
    """The digests follow from the files that they are of."""
    folder = opened.folder / "provenance"
    written, base = read_json(folder / "digests.json"), read_json(folder / "base.json")
    data = {name: split.sha256 for name, split in opened.metadata.splits.items()}
    predictions = written["predictions"]
    parts = {"spec": opened.spec, "data": data, "base": base["files"], "predictions": predictions}
    stated = opened.metadata.digests.model_dump()
    for name, part in parts.items():
        if not digest(part) == stated[name] == written["digests"][name]:
            yield f"provenance: the digest of {name} is not that of its content"
    if written["data"] != data:
        yield "provenance/digests.json: data differs from the splits of metadata.json"


def check_verdict(opened: OpenedPackage) -> Iterator[str]:
    """The declared gates, evaluated again on the packaged reports, give the written verdict."""
    gates = [Gate.model_validate_json(json.dumps(gate)) for gate in opened.spec["package"]["gates"]]
    found = as_json(evaluate_gates(gates, opened.reports))
    if encode_json(found) != (opened.folder / "READINESS.json").read_text(encoding="utf-8"):
        yield f"READINESS.json: the reports in eval/ give other results (verdict {found['verdict']!r})"
    if found["verdict"] != opened.metadata.verdict:
        yield f"metadata.json: verdict {opened.metadata.verdict!r}, the gates give {found['verdict']!r}"


def check_numbers(
    opened: OpenedPackage, statistics: Callable[[Path, Sequence[str]], dict[str, Any]]
) -> Iterator[str]:
    """The numbers of `metadata.json` are those of the packaged reports and rows."""
    stated = opened.metadata.model_dump()
    for name, metric in ESTIMATES.items():
        found = find(opened.reports, metric)
        if found is None or asdict(found) != stated[name]:
            yield f"metadata.json: {name} is not {metric} of the reports in eval/"
    targets = opened.metadata.soft_targets
    counted = statistics(opened.folder, list(targets.rows))
    if counted != targets.model_dump(include=set(counted)):
        yield "metadata.json: entropy and quality of the soft targets are not those of the rows in distill/"


def check_calibrated_nll(
    opened: OpenedPackage, mean_nll: Callable[[str], float], tolerance: float = NLL_TOLERANCE
) -> Iterator[str]:
    """The calibrator gives, on the rows it was fitted on, the loss it was saved with.

    Nothing can be checked where those rows are not among the soft targets.

    Args:
        opened: the package.
        mean_nll: from the name of a split to its mean NLL after calibration, nats, by its soft targets.
        tolerance: largest difference, nats.
    """
    stated = opened.calibration()["before_after"]["nll"]["after"]
    for name, split in opened.metadata.splits.items():
        if split.role == "calibration" and name in opened.metadata.soft_targets.rows:
            found = mean_nll(name)
            if not abs(found - stated) <= tolerance:
                yield f"calibration: NLL {found:.6f} after calibration, calibration.json says {stated:.6f}"
