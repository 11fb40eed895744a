"""Files that a package may consist of: each has a known path; no code, no hidden files, only DVC's links."""

import fnmatch
import stat
from pathlib import Path

from teacherspec.errors import BaseModelError
from teacherspec.model_files.allowed_files import PICKLES, is_allowed
from teacherspec.model_files.security_scan import check_folder
from teacherspec.package.verification.checksums import SUMS, read_sums
from teacherspec.runtime.atomic_io import sha256_file
from teacherspec.runtime.dvc_links import is_dvc_link

MODEL = "model/"
PLACES = (
    "README.md",
    "READINESS.json",
    "SHA256SUMS",
    "metadata.json",
    "calibration/calibration.json",
    "distill/README.md",
    "distill/embeddings/*.parquet",
    "distill/embeddings/classes.safetensors",
    "distill/embeddings/scale.json",
    "distill/soft/*.parquet",
    "distill/views.parquet",
    "eval/*/*.json",
    "eval/*/*.png",  # and the next: packages of earlier releases
    "eval/*/*.tsv",
    "eval/*/plots/*.png",
    "eval/*/plots/*.tsv",
    "golden/golden.json",
    "golden/inputs.safetensors",
    "golden/logits.safetensors",
    "golden/rows.jsonl",
    "provenance/base.json",
    "provenance/digests.json",
    "provenance/spec.json",
)
OPTIONAL = {
    "distill/embeddings/classes.safetensors",
    "distill/embeddings/scale.json",
    "distill/views.parquet",
}
NEEDED = tuple(name for name in PLACES if "*" not in name and name not in OPTIONAL)


def check_files(folder: Path) -> list[str]:
    """Unexpected and missing files of the package; only `model/` is opened."""
    problems = [f"{name}: missing" for name in NEEDED if not (folder / name).is_file()]
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) and is_dvc_link(path):
            mode = path.stat().st_mode
        if stat.S_ISLNK(mode):
            problems.append(f"{name}: is a link; a package holds the files themselves")
        elif not stat.S_ISDIR(mode) and not (stat.S_ISREG(mode) and _has_place(name)):
            problems.append(f"{name}: {_why_refused(path.name)}")
    if problems:
        return problems
    try:
        check_folder(folder / MODEL)
    except BaseModelError as error:
        return list(error.problems)
    return []


def _why_refused(name: str) -> str:
    if any(fnmatch.fnmatch(name, pattern) for pattern in PICKLES):
        return "may hold a pickle, which runs code when read"
    return "has no place in a package"


def _has_place(name: str) -> bool:
    if name.startswith(MODEL):
        return is_allowed(name.removeprefix(MODEL))
    return any(name.count("/") == place.count("/") and fnmatch.fnmatchcase(name, place) for place in PLACES)


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
    problems += [f"{name}: is in {SUMS} but missing" for name in sorted(sums.keys() - there)]
    return problems + [
        f"{name}: its bytes are not those that were packaged"
        for name in sorted(there & sums.keys())
        if sha256_file(folder / name) != sums[name]
    ]
