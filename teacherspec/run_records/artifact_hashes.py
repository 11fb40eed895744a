"""Whether artifacts in the workspace and in DVC's cache have the bytes that `dvc.lock` records."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from teacherspec.run_records.dvc_hashing import files_of, md5_of_file
from teacherspec.run_records.dvc_lock import read_lock
from teacherspec.run_records.dvc_yaml import LOCK, DeclaredStage, declared_stages
from teacherspec.run_records.lock_check import Finding
from teacherspec.run_records.receipt import hashes, sums_path
from teacherspec.runtime.atomic_io import read_json, sha256_file


def check_artifacts(cache: Path, root: Path = Path()) -> tuple[list[Finding], int]:
    """Every file that is not what its stage wrote, and the number of files that were read.

    DVC trusts an object that is write-protected and never reads it again, so it checks out and uses an
    altered one and reports it as up to date. Here every byte is hashed: the workspace is compared with the
    SHA-256 that the stage recorded, the cache with the names of its objects.

    Args:
        cache: DVC's folder of objects, `.dvc/cache/files/md5`.
        root: the repository.
    """
    lock, read = read_lock(root), 0
    found: list[Finding] = []
    for name, stage in declared_stages(root).items():
        entry = hashes(lock.get(name, {}).get("outs", ()))
        problems, files = _workspace_files(root, stage, entry)
        objects = _cache_objects(cache, stage, entry)
        found += problems
        for path, digest in files.items():
            if sha256_file(root / path) != digest:
                found.append(Finding(name, "inconsistent", path, "altered since the stage wrote it"))
        for stored, content in objects.items():
            if md5_of_file(stored) != f"{stored.parent.name}{stored.name}".removesuffix(".dir"):
                problem = f"altered; remove {stored.name} from the cache and `dvc pull`, or rebuild"
                found.append(Finding(name, "inconsistent", f"cache object of {content}", problem))
        read += len(files) + len(objects)
    return found, read


def _workspace_files(
    root: Path, stage: DeclaredStage, entry: Mapping[str, str]
) -> tuple[list[Finding], dict[str, str]]:
    """Files that are missing or unexpected; path → expected SHA-256 of those that exist.

    Outputs that are not checked out are left out. Those in git are checked by `check_lock`.
    """
    manifest = sums_path(stage.name)
    if manifest not in entry or not (root / manifest).is_file():
        return [], {}  # never built, or not checked out
    if md5_of_file(root / manifest) != entry[manifest]:
        problem = f"not the one that {LOCK} records; run `dvc checkout -f`"
        return [Finding(stage.name, "inconsistent", manifest, problem)], {}
    lines = (root / manifest).read_text(encoding="utf-8").splitlines()
    sums = {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
    found: list[Finding] = []
    expected: dict[str, str] = {}
    for out in stage.outs:
        written = {path for path in sums if path == out or path.startswith(f"{out}/")}
        if not written or out not in entry or not (root / out).exists():
            continue
        files = [root / out] if (root / out).is_file() else files_of(root / out, root)
        present = {file.relative_to(root).as_posix() for file in files}
        found += [
            Finding(stage.name, "inconsistent", path, "deleted; run `dvc checkout -f`")
            for path in sorted(written - present)
        ]
        found += [
            Finding(stage.name, "inconsistent", path, "was not written by the stage; remove it")
            for path in sorted(present - written)
        ]
        expected |= {path: sums[path] for path in sorted(written & present)}
    return found, expected


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
