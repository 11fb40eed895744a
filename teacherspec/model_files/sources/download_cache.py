"""Downloaded bases, each in a folder named by the hash of its pin."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from teacherspec.runtime.atomic_io import encode_json, new_folder, sha256_bytes, sha256_file, write_json


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by relative name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def fetch_once(pin: Mapping[str, Any], cache: Path, fetch: Callable[[Path], None]) -> Path:
    """The folder that `fetch` fills for the immutable `pin`; downloaded again if a byte of it changed.

    Args:
        pin: identifies immutable content: a commit or the hash of an archive.
        cache: parent folder of all downloaded bases.
        fetch: fills an empty folder, or raises and leaves no trace.
    """
    folder = cache / sha256_bytes(encode_json(dict(pin)).encode())[:16]
    record = folder.with_suffix(".json")
    if folder.is_dir() and record.is_file() and record.read_text("utf-8") == encode_json(hash_files(folder)):
        return folder
    record.unlink(missing_ok=True)
    with new_folder(folder) as fresh:
        fetch(fresh)
    write_json(record, hash_files(folder))
    return folder
