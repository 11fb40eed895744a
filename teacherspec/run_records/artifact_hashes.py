"""Whether artifacts in the workspace and in DVC's cache have the bytes that `dvc.lock` records."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.run_records.dvc_hashing import files_of, md5_of, md5_of_file
from teacherspec.run_records.dvc_lock import read_lock
from teacherspec.run_records.dvc_yaml import LOCK, DeclaredStage, declared_stages
from teacherspec.run_records.lock_check import Finding
from teacherspec.run_records.receipt import hashes, sums_path
from teacherspec.runtime.atomic_io import read_json, sha256_file


@dataclass(frozen=True)
class ArtifactCheck:
    """What was found of the outputs that `dvc.lock` records.

    Attributes:
        findings: every file that is not what its stage wrote.
        files: how many files were read.
        absent: outputs that are neither in the workspace nor in the cache, so that nothing was checked.
    """

    findings: tuple[Finding, ...]
    files: int
    absent: tuple[str, ...]


def check_artifacts(cache: Path, root: Path = Path()) -> ArtifactCheck:
    """Hash every file of the outputs of all stages.

    DVC trusts an object that is write-protected and never reads it again, so it checks out and uses an
    altered one and reports it as up to date. Here every byte is hashed: the workspace is compared with the
    SHA-256 that the stage recorded, the cache with the names of its objects.

    Args:
        cache: DVC's folder of objects, `.dvc/cache/files/md5`.
        root: the repository.
    """
    lock, read = read_lock(root), 0
    found: list[Finding] = []
    absent: list[str] = []
    for name, stage in declared_stages(root).items():
        entry = hashes(lock.get(name, {}).get("outs", ()))
        objects = _cache_objects(cache, stage, entry)
        problems, files = _workspace_files(root, stage, entry, _sums(root, cache, stage, entry))
        found += problems
        for stored, content in objects.items():
            if md5_of_file(stored) != f"{stored.parent.name}{stored.name}".removesuffix(".dir"):
                problem = f"altered; remove {stored.name} from the cache and `dvc pull`, or rebuild"
                found.append(Finding(name, "inconsistent", f"cache object of {content}", problem))
        read += files + len(objects)
        stored_outs = set(objects.values())
        absent += [
            out
            for out in stage.cached
            if out in entry and out not in stored_outs and not (root / out).exists()
        ]
    return ArtifactCheck(tuple(found), read, tuple(absent))


def _sums(root: Path, cache: Path, stage: DeclaredStage, entry: Mapping[str, str]) -> dict[str, str]:
    """Path → SHA-256 of every file that the stage wrote, from its manifest; empty where that is lost."""
    md5 = entry.get(sums_path(stage.name), "")
    for manifest in (root / sums_path(stage.name), cache / md5[:2] / md5[2:]):
        if md5 and manifest.is_file() and md5_of_file(manifest) == md5:
            lines = manifest.read_text(encoding="utf-8").splitlines()
            return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
    return {}


def _workspace_files(
    root: Path, stage: DeclaredStage, entry: Mapping[str, str], sums: Mapping[str, str]
) -> tuple[list[Finding], int]:
    """Files of the workspace that are missing, unexpected or altered; the number of files that were read.

    Outputs that are not checked out are left out. Files without a SHA-256 are compared by the MD5 of their
    output.
    """
    found: list[Finding] = []
    read = 0
    for out in stage.outs:
        if out not in entry or not (root / out).exists():
            continue
        files = [root / out] if (root / out).is_file() else list(files_of(root / out, root))
        present = {file.relative_to(root).as_posix() for file in files}
        read += len(present)
        written = {path for path in sums if path == out or path.startswith(f"{out}/")}
        if not written:
            if md5_of(root / out, root) != entry[out]:
                problem = f"not the one that {LOCK} records; run `dvc checkout -f`"
                found.append(Finding(stage.name, "inconsistent", out, problem))
            continue
        problems = dict.fromkeys(sorted(written - present), "deleted; run `dvc checkout -f`")
        problems |= dict.fromkeys(sorted(present - written), "was not written by the stage; remove it")
        problems |= {
            path: "altered since the stage wrote it"
            for path in sorted(written & present)
            if sha256_file(root / path) != sums[path]
        }
        found += [Finding(stage.name, "inconsistent", path, problem) for path, problem in problems.items()]
    return found, read


def _cache_objects(cache: Path, stage: DeclaredStage, entry: Mapping[str, str]) -> dict[Path, str]:
    """Objects of the stage's outputs that the cache holds → the file or folder stored in each."""
    objects = {
        cache / md5[:2] / md5[2:]: content
        for out in stage.cached
        if out in entry
        for md5, content in _stored(cache, entry[out], out)
    }
    return {path: content for path, content in objects.items() if path.is_file()}


def _stored(cache: Path, md5: str, out: str) -> Iterator[tuple[str, str]]:
    """MD5 and path of an output, and of every file in it where it is a folder."""
    yield md5, out
    listing = cache / md5[:2] / md5[2:]
    if md5.endswith(".dir") and listing.is_file():
        try:
            entries: list[dict[str, Any]] = read_json(listing)
        except json.JSONDecodeError:
            return  # altered: its own hash shows it
        for item in entries:
            yield item["md5"], f"{out}/{item['relpath']}"
