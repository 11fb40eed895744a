"""Digests of everything that determines a teacher: spec, data, base, code and library versions.

No commit, time, host or path: an unchanged teacher keeps its bytes on another day, commit or computer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from teacherspec.files import encode_json, sha256_bytes, sha256_file, write_json
from teacherspec.prepared import Prepared
from teacherspec.road.closure import Project
from teacherspec.road.stages import EXEMPT, code_of_road, is_kind_of_task

LIBRARIES = (
    "accelerate",
    "datasets",
    "huggingface_hub",
    "matplotlib",
    "numpy",
    "peft",
    "pyarrow",
    "safetensors",
    "scikit-learn",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
)
"""The libraries whose version can change a number or a byte of the package."""


@dataclass(frozen=True)
class Provenance:
    """What a teacher was made from.

    Attributes:
        spec: section → its content, defaults filled in.
        data: split → SHA-256 of the prepared rows.
        base: the base's manifest: source, licence, SHA-256 of every file.
        code: code file → SHA-256.
        libraries: library → version.
    """

    spec: Mapping[str, Any]
    data: Mapping[str, str]
    base: Mapping[str, Any]
    code: Mapping[str, str]
    libraries: Mapping[str, str]

    def digests(self) -> dict[str, str]:
        """One SHA-256 each of spec, data, base and code."""
        parts = {"spec": self.spec, "data": self.data, "base": self.base["files"], "code": self.code}
        return {name: digest(part) for name, part in parts.items()}

    def write(self, folder: Path) -> None:
        """Write `spec.json`, `base.json` and `digests.json`, which holds the digest of each section too."""
        write_json(folder / "spec.json", self.spec)
        write_json(folder / "base.json", self.base)
        sections = {name: digest(section) for name, section in self.spec.items()}
        content = {"digests": self.digests(), "sections": sections, "data": self.data, "code": self.code}
        write_json(folder / "digests.json", {**content, "libraries": self.libraries})


def provenance(
    root: Path, spec: Mapping[str, Any], prepared: Prepared, manifest: Mapping[str, Any]
) -> Provenance:
    """Collect the digests.

    Args:
        root: the repository.
        spec: all sections of the declaration, as JSON-able values.
        prepared: the prepared splits.
        manifest: the base's manifest.
    """
    return Provenance(
        spec={**spec, "base": without_place(spec["base"])},
        data={split.name: split.sha256 for split in prepared.splits.values()},
        base=without_place(manifest),
        code=code_digests(root, prepared.task),
        # Without the build tag: 2.13.0+cpu and 2.13.0 are the same release, on other machines.
        libraries={name: version(name).partition("+")[0] for name in LIBRARIES},
    )


def digest(value: Any) -> str:
    """SHA-256 of a JSON-able value in canonical form."""
    return sha256_bytes(encode_json(value).encode())


def without_place(described: Mapping[str, Any]) -> dict[str, Any]:
    """A base's description, a folder outside the repository reduced to its name: its place is private."""
    source = dict(described["source"])
    if source.get("outside_repository"):
        source["folder"] = PurePosixPath(source["folder"]).name
    return {**described, "source": source}


def code_digests(root: Path, kind: str) -> dict[str, str]:
    """SHA-256 of every file that any stage can run for this kind of task, read from the imports of the doors.

    Code of other kinds of task is left out, as `dvc.yaml` leaves it out. The files are dependencies of the
    stage `package`, so that the digests never grow stale.
    """
    files = code_of_road(Project(root, exempt=EXEMPT))
    own = (file for file in files if not is_kind_of_task(root, file) or Path(file).stem == kind)
    return {file: sha256_file(root / file) for file in sorted(own)}
