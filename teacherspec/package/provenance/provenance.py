"""Digests of everything a teacher is assembled from: spec, data, base, predictions, library versions.

The code is not among them: an edit that leaves what a stage hands over unchanged leaves the teacher
unchanged too, to the byte. The code that each stage ran is recorded in its receipt, outside the package.
No commit, time, host or path: an unchanged teacher keeps its bytes on another day, commit or computer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from teacherspec.runtime.atomic_io import encode_json, sha256_bytes, sha256_file, write_json
from teacherspec.splits import Prepared

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
        predictions: split → SHA-256 of the logits that the model gave.
        libraries: library → version.
    """

    spec: Mapping[str, Any]
    data: Mapping[str, str]
    base: Mapping[str, Any]
    predictions: Mapping[str, str]
    libraries: Mapping[str, str]

    def digests(self) -> dict[str, str]:
        """One SHA-256 each of spec, data, base and predictions."""
        parts = {
            "spec": self.spec,
            "data": self.data,
            "base": self.base["files"],
            "predictions": self.predictions,
        }
        return {name: digest(part) for name, part in parts.items()}

    def write(self, folder: Path) -> None:
        """Write `spec.json`, `base.json` and `digests.json`, which holds the digest of each section too."""
        write_json(folder / "spec.json", self.spec)
        write_json(folder / "base.json", self.base)
        sections = {name: digest(section) for name, section in self.spec.items()}
        content = {
            "digests": self.digests(),
            "sections": sections,
            "data": self.data,
            "predictions": self.predictions,
            "libraries": self.libraries,
        }
        write_json(folder / "digests.json", content)


def provenance(
    spec: Mapping[str, Any], prepared: Prepared, manifest: Mapping[str, Any], predictions: Path
) -> Provenance:
    """Collect the digests.

    Args:
        spec: all sections of the declaration, as JSON-able values.
        prepared: the prepared splits.
        manifest: the base's manifest.
        predictions: folder with one Parquet file a split.
    """
    return Provenance(
        spec=without_folder_paths(spec),
        data={split.name: split.sha256 for split in prepared.splits.values()},
        base=without_folder_path(manifest),
        predictions={name: sha256_file(predictions / f"{name}.parquet") for name in prepared.splits},
        # Without the build tag: 2.13.0+cpu and 2.13.0 are the same release, on other machines.
        libraries={name: version(name).partition("+")[0] for name in LIBRARIES},
    )


def digest(value: Any) -> str:
    """SHA-256 of a JSON-able value in canonical form."""
    return sha256_bytes(encode_json(value).encode())


def without_folder_paths(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The sections, with `without_folder_path` of base, or each of its candidates, and student."""
    package, base = spec.get("package", {}), spec["base"]
    if "candidates" in base:
        private = {"base": {**base, "candidates": [without_folder_path(one) for one in base["candidates"]]}}
    else:
        private = {"base": without_folder_path(base)}
    if package.get("student"):
        private["package"] = {**package, "student": without_folder_path(package["student"])}
    return {**spec, **private}


def without_folder_path(described: Mapping[str, Any]) -> dict[str, Any]:
    """A description with a folder outside the repository reduced to its name: its place is private."""
    source = dict(described["source"])
    if source.get("outside_repository"):
        source["folder"] = PurePosixPath(source["folder"]).name
    return {**described, "source": source}
