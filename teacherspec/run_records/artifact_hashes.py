"""Whether the bytes are those that `dvc.lock` names: the workspace's and the cache's, each one read."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from teacherspec.run_records.dvc_hashing import files_of, md5_of
from teacherspec.run_records.dvc_yaml import LOCK, DeclaredStage, read_road
from teacherspec.run_records.lock_check import Finding, read_lock
from teacherspec.run_records.receipt import hashes, sums_path
from teacherspec.runtime.atomic_io import read_json, sha256_file


def altered(cache: Path, root: Path = Path()) -> tuple[list[Finding], int]:
    """Every file that is not what its stage wrote, and the number of files that were read.

    DVC trusts an object that is write-protected and never reads it again, so an altered one is checked
    out, used and reported as up to date. Here every byte is hashed: the workspace against the SHA-256
    that the stage recorded, the cache against the names of its objects.

    Args:
        cache: DVC's folder of objects, `.dvc/cache/files/md5`.
        root: the repository.
    """
    found: list[Finding] = []
    lock, road, read = read_lock(root), read_road(root), 0
    for name, stage in road.items():
        entry = hashes(lock.get(name, {}).get("outs", ()))
        here = list(_workspace(root, stage, entry))
        stored = list(_cache(cache, stage, entry))
        found += [item for items in (here, stored) for item in items if isinstance(item, Finding)]
        read += sum(item is True for items in (here, stored) for item in items)
    return found, read


def _workspace(root: Path, stage: DeclaredStage, entry: Mapping[str, str]) -> Iterator[Finding | bool]:
    manifest = sums_path(stage.name)
    if manifest not in entry or not (root / manifest).is_file():
        return  # never built, or not checked out
    if md5_of(root / manifest) != entry[manifest]:
        yield Finding(stage.name, "false", manifest, f"not the one that {LOCK} names; run `dvc checkout -f`")
        return
    lines = (root / manifest).read_text(encoding="utf-8").splitlines()
    sums = {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
    for out in stage.outs:
        if not (root / out).exists() or out not in entry:
            continue  # not checked out; what is in git is compared by `verify --lock`
        files = [root / out] if (root / out).is_file() else list(files_of(root / out))
        there = {file.relative_to(root).as_posix(): file for file in files}
        said = {path for path in sums if path == out or path.startswith(f"{out}/")}
        if not said:
            continue
        for path in sorted(said - there.keys()):
            yield Finding(stage.name, "false", path, "deleted; run `dvc checkout -f`")
        for path in sorted(there.keys() - said):
            yield Finding(stage.name, "false", path, "was not written by the stage; remove it")
        for path in sorted(said & there.keys()):
            yield True
            if sha256_file(there[path]) != sums[path]:
                yield Finding(stage.name, "false", path, "altered since the stage wrote it")


def _cache(cache: Path, stage: DeclaredStage, entry: Mapping[str, str]) -> Iterator[Finding | bool]:
    for out in stage.cached:
        if out in entry:
            for md5, what in _objects(cache, entry[out], out):
                path = cache / md5[:2] / md5[2:]
                if path.is_file():
                    yield True
                    if md5_of(path) != md5.removesuffix(".dir"):
                        yield Finding(
                            stage.name,
                            "false",
                            f"cache object of {what}",
                            f"altered; remove {path.name} from the cache and `dvc pull`, or rebuild",
                        )


def _objects(cache: Path, md5: str, out: str) -> Iterator[tuple[str, str]]:
    """Name of each object of an out, and the file it holds."""
    yield md5, out
    listing = cache / md5[:2] / md5[2:]
    if md5.endswith(".dir") and listing.is_file():
        try:
            entries: list[dict[str, Any]] = read_json(listing)
        except json.JSONDecodeError:
            return  # altered, which its own hash tells
        for item in entries:
            yield item["md5"], f"{out}/{item['relpath']}"
