"""`SHA256SUMS`: every file of the package, in the format that `sha256sum --check` reads."""

import re
from pathlib import Path

from teacherspec.runtime.atomic_io import sha256_file, write_text

SUMS = "SHA256SUMS"
LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def write_sums(folder: Path) -> None:
    """Write the checksums of all files below `folder`, sorted by name, as its last file."""
    lines = [f"{sha256_file(folder / name)}  {name}\n" for name in files_below(folder) if name != SUMS]
    write_text(folder / SUMS, "".join(lines))


def files_below(folder: Path) -> list[str]:
    """Names of all files below `folder`, relative, `/` between parts, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def read_sums(folder: Path) -> dict[str, str]:
    """Name → SHA-256 as `SHA256SUMS` says.

    Raises:
        ValueError: a line is not a checksum, or names a file twice.
    """
    sums: dict[str, str] = {}
    for number, line in enumerate((folder / SUMS).read_text(encoding="utf-8").splitlines(), start=1):
        match = LINE.fullmatch(line)
        if match is None or match[2] in sums:
            raise ValueError(f"line {number} is not a checksum of a further file")
        sums[match[2]] = match[1]
    return sums
