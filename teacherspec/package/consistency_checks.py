"""Whether the parts of a package say the same: labels, digests, verdict, numbers."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from teacherspec.package.build_metadata import ESTIMATES, label_names_sha256
from teacherspec.package.package_reader import OpenedPackage
from teacherspec.package.provenance import digest
from teacherspec.package.quality_gates import evaluate_gates, find
from teacherspec.package.readiness import as_json
from teacherspec.package.resumable_shards import CONFIG
from teacherspec.package.vocab_fingerprint import vocabulary
from teacherspec.runtime.atomic_io import encode_json, read_json
from teacherspec.spec.package import Gate


def check_labels(opened: OpenedPackage) -> Iterator[str]:
    """The same label names in the same order, wherever they are written."""
    import pyarrow.parquet as pq
    from datasets import Features

    names = opened.metadata.label_names
    if opened.metadata.label_names_sha256 != label_names_sha256(names):
        yield "metadata.json: label_names_sha256 is not that of label_names"
    config = read_json(opened.folder / "model/config.json")
    if config["id2label"] != {str(index): name for index, name in enumerate(names)}:
        yield "model/config.json: id2label differs from the label names of metadata.json"
    if config["label2id"] != {name: index for index, name in enumerate(names)}:
        yield "model/config.json: label2id differs from the label names of metadata.json"
    for path in sorted((opened.folder / "distill" / CONFIG).glob("*.parquet")):
        features = Features.from_arrow_schema(pq.read_schema(path))
        if tuple(features["label"].names) != names or features["logits"].length != len(names):
            yield f"distill/{CONFIG}/{path.name}: its labels differ from the label names of metadata.json"


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
    """The declared gates, judged anew on the packaged reports, give the written verdict."""
    gates = [Gate.model_validate_json(json.dumps(gate)) for gate in opened.spec["package"]["gates"]]
    judged = as_json(evaluate_gates(gates, opened.reports))
    if encode_json(judged) != (opened.folder / "READINESS.json").read_text(encoding="utf-8"):
        yield f"READINESS.json: the reports in eval/ give other results (verdict {judged['verdict']!r})"
    if judged["verdict"] != opened.metadata.verdict:
        yield f"metadata.json: says {opened.metadata.verdict!r}, the gates say {judged['verdict']!r}"


def check_numbers(
    opened: OpenedPackage, statistics: Callable[[Path, Sequence[str]], dict[str, Any]]
) -> Iterator[str]:
    """The numbers of `metadata.json` are those of the packaged reports and rows."""
    stated = opened.metadata.model_dump()
    for name, metric in ESTIMATES.items():
        found = find(opened.reports, metric)
        if found is None or asdict(found) != stated[name]:
            yield f"metadata.json: {name} is not what the reports in eval/ say of {metric}"
    targets = opened.metadata.soft_targets
    counted = statistics(opened.folder, list(targets.rows))
    if counted != targets.model_dump(include=set(counted)):
        yield "metadata.json: entropy and quality of the soft targets are not those of the rows in distill/"
