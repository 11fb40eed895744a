"""Who built a package, when, from which commit and on what: an in-toto Statement with SLSA provenance.

It is stored next to the package and refers to it by the digest of its `SHA256SUMS`: the package keeps its
bytes on another day, commit or computer, and every build of it can be attested. Formats: in-toto Statement v1
(https://in-toto.io/Statement/v1), SLSA provenance v1 (https://slsa.dev/spec/v1.0/provenance). No user names,
hosts, tokens or paths: the machine appears as its class only.
"""

import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from teacherspec.package.provenance.git_commit import Revision, read_revision
from teacherspec.package.provenance.sbom import bill_of_materials
from teacherspec.package.verification.checksums import SUMS
from teacherspec.runtime import machine
from teacherspec.runtime.atomic_io import read_json, sha256_file, write_json

STATEMENT, BOM = "statement.intoto.json", "bom.cdx.json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:teacherspec:build:dvc-repro:v1"
LOCAL_BUILDER = "urn:teacherspec:builder:local"


def attest(
    teacher: Path,
    target: Path,
    *,
    builder: str = LOCAL_BUILDER,
    root: Path = Path(),
    now: datetime | None = None,
) -> None:
    """Write the statement and the bill of materials of the package `teacher` into the folder `target`.

    Args:
        teacher: the package.
        target: folder next to it.
        builder: URI of who built it, such as the address of a workflow.
        root: the repository.
        now: when it was built; None for the clock.
    """
    revision = read_revision(root)
    finished = (now or datetime.now(UTC)).astimezone(UTC)
    write_json(target / STATEMENT, statement(teacher, revision, machine.describe(), builder, finished))
    write_json(target / BOM, bill_of_materials(teacher))


def statement(
    teacher: Path,
    revision: Revision | None,
    hardware: Mapping[str, str | int],
    builder: str,
    finished: datetime,
) -> dict[str, Any]:
    """The in-toto Statement.

    Args:
        teacher: the package.
        revision: the commit it was built from, where it is known.
        hardware: hardware class and thread count.
        builder: URI of who built it.
        finished: when, UTC.
    """
    metadata = read_json(teacher / "metadata.json")
    digests = read_json(teacher / "provenance/digests.json")
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": {"sections": digests["sections"]},
        "internalParameters": {"hardware": dict(hardware), "libraries": metadata["libraries"]},
        "resolvedDependencies": list(_dependencies(teacher, metadata, revision)),
    }
    details = {
        "builder": {"id": builder, "version": _versions()},
        "metadata": {"finishedOn": finished.strftime("%Y-%m-%dT%H:%M:%SZ")},
    }
    subject = {"name": f"{metadata['name']}/{SUMS}", "digest": {"sha256": sha256_file(teacher / SUMS)}}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [subject],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"buildDefinition": definition, "runDetails": details},
    }


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in ("dvc", "click")}}


def _dependencies(
    teacher: Path, metadata: Mapping[str, Any], revision: Revision | None
) -> Iterator[dict[str, Any]]:
    """Resource descriptors of the repository, the base's files and the prepared splits."""
    if revision is not None:
        place = {"uri": f"git+{revision.repository}@{revision.commit}"} if revision.repository else {}
        yield {
            "name": "repository",
            **place,
            "digest": {"gitCommit": revision.commit},
            "annotations": {"tags": list(revision.tags), "changed": revision.changed},
        }
    for name, file in sorted(read_json(teacher / "provenance/base.json")["files"].items()):
        yield {"name": f"base/{name}", "digest": {"sha256": file["sha256"]}}
    for name, split in sorted(metadata["splits"].items()):
        yield {"name": f"data/{name}.parquet", "digest": {"sha256": split["sha256"]}}
