"""Files that a package may consist of: each of a known name and kind; no code, no links but DVC's own."""

import fnmatch
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from teacherspec.errors import BaseModelError
from teacherspec.model_files.allowed_files import PICKLES, is_allowed
from teacherspec.model_files.security_scan import check_folder
from teacherspec.package.resumable_shards import CONFIG
from teacherspec.package.stage_outputs import OPTIONAL_REPORTS, REPORTS, STUDENT
from teacherspec.package.verification.checksums import SUMS, read_sums
from teacherspec.runtime.atomic_io import sha256_file
from teacherspec.runtime.dvc_links import is_dvc_link
from teacherspec.spec.package import SPLIT_NAME

MODEL = "model/"
SMALL, LARGE = 16_000_000, 4_000_000_000
"""Most bytes of a file: texts and pictures; rows and tensors for a few examples."""

NEEDED = {
    "README.md": SMALL,
    "READINESS.json": SMALL,
    SUMS: SMALL,
    "metadata.json": SMALL,
    "calibration/calibration.json": SMALL,
    "distill/README.md": SMALL,
    **{f"eval/{name}": SMALL for name in REPORTS},
    "golden/golden.json": SMALL,
    "golden/inputs.safetensors": LARGE,
    "golden/logits.safetensors": LARGE,
    "golden/rows.jsonl": LARGE,
    "provenance/base.json": SMALL,
    "provenance/digests.json": SMALL,
    "provenance/spec.json": SMALL,
    "provenance/training.json": SMALL,
}
"""Name of every file that a package has → most bytes of it."""

OPTIONAL = {
    **{f"eval/{name}": SMALL for name in OPTIONAL_REPORTS},
    f"eval/{STUDENT}": SMALL,
    "distill/embeddings/classes.safetensors": LARGE,
    "distill/embeddings/scale.json": SMALL,
    "distill/views.parquet": None,
}
"""Name of every file that only some packages have → most bytes of it, None for any number."""

SPLIT = SPLIT_NAME.pattern
TARGETS = re.compile(
    rf"distill/{CONFIG}/{SPLIT}-[0-9]{{5}}-of-[0-9]{{5}}\.parquet|distill/embeddings/{SPLIT}\.parquet"
)

SPARSE_FROM_BYTES, SPARSE_SHARE = 1 << 20, 8
"""From which size, and how many times larger than what the disk holds of it, a file counts as sparse."""


def check_files(folder: Path) -> list[str]:
    """Unexpected and missing files of the package; only `model/` is opened."""
    problems = [f"{name}: missing" for name in NEEDED if not (folder / name).is_file()]
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode) and is_dvc_link(path):
            status = path.stat()
        problems += [f"{_shown(name)}: {problem}" for problem in _refusals(path, name, status)]
    if problems:
        return problems
    try:
        check_folder(folder / MODEL)
    except BaseModelError as error:
        return list(error.problems)
    return []


def _refusals(path: Path, name: str, status: os.stat_result) -> Iterator[str]:
    """Why an entry may not be in a package, by its kind, name and size."""
    mode = status.st_mode
    if stat.S_ISLNK(mode):
        yield "is a link; a package holds the files themselves"
    elif stat.S_ISDIR(mode):
        if not any(path.iterdir()):
            yield "is an empty folder, which has no place in a package"
    elif not (stat.S_ISREG(mode) and _has_place(name)):
        yield _why_refused(path.name)
    else:
        limit = {**NEEDED, **OPTIONAL}.get(name)
        if limit is not None and status.st_size > limit:
            yield f"has {status.st_size} bytes (allowed: {limit})"
        if mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX):
            yield "runs with the rights of its owner (setuid, setgid or sticky bit)"
        if _is_sparse(status):
            yield f"is sparse: {status.st_size} bytes, of which the disk holds {status.st_blocks * 512}"
        if status.st_nlink > 1 and mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
            # A link into a cache of DVC, which it makes read-only, stays what it is.
            yield "has a further name (hard link), through which it can be changed; copy it"


def _is_sparse(status: os.stat_result) -> bool:
    """Whether most of a file is a hole. A file system that reports no blocks at all says nothing."""
    held = status.st_blocks * 512
    return status.st_size >= SPARSE_FROM_BYTES and 0 < held * SPARSE_SHARE < status.st_size


def _shown(name: str) -> str:
    return name if name.isprintable() else ascii(name)


def _why_refused(name: str) -> str:
    if any(fnmatch.fnmatch(name, pattern) for pattern in PICKLES):
        return "may hold a pickle, which runs code when read"
    return "has no place in a package"


def _has_place(name: str) -> bool:
    if name.startswith(MODEL):
        return is_allowed(name.removeprefix(MODEL))
    return name in NEEDED or name in OPTIONAL or TARGETS.fullmatch(name) is not None


def check_checksums(folder: Path) -> list[str]:
    """Files that `SHA256SUMS` does not list, lists but that are missing, or lists with other bytes."""
    try:
        sums = read_sums(folder)
    except ValueError as error:
        return [f"{SUMS}: {error}"]
    if not sums:
        return [f"{SUMS}: lists no file"]
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {SUMS}
    problems = [f"{name}: is not in {SUMS}" for name in sorted(there - sums.keys())]
    problems += [f"{_shown(name)}: is in {SUMS} but missing" for name in sorted(sums.keys() - there)]
    return problems + [
        f"{name}: its bytes are not those that were packaged"
        for name in sorted(there & sums.keys())
        if sha256_file(folder / name) != sums[name]
    ]
