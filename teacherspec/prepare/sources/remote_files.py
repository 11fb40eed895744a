"""Files from elsewhere, pinned by their hash: fetched once, read like files of the repository."""

import hashlib
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from teacherspec.errors import DataError
from teacherspec.runtime.atomic_io import CHUNK_BYTES, replacing, sha256_file

FETCHED = Path(".scratch") / "fetched"
"""Where fetched files wait in the repository, each under its hash; safe to delete at any time."""

_OF_THIS_MACHINE = frozenset({"file", "local"})


def problem_of_url(url: str) -> str | None:
    """Why an address may not be declared, or None.

    It must be one that fsspec reads, mean the same on every machine, and hold no secret.
    """
    from fsspec.registry import known_implementations

    parts = urlsplit(url)
    if not parts.scheme or "::" in url:
        return "must be one address with a scheme, such as https:// or s3://"
    if parts.scheme in _OF_THIS_MACHINE:
        return "is a file of this machine: put it into the repository and declare `path`"
    if parts.scheme not in known_implementations:
        return f"fsspec knows no {parts.scheme}:// (among many it knows https, s3, gs, abfs, hf)"
    if "@" in parts.netloc:
        return "holds a name or password: leave them to the surroundings of the run"
    return None


def fetched(root: Path, url: str, sha256: str) -> Path:
    """The file at `url`, fetched into the repository `root` unless it is there.

    Raises:
        DataError: it cannot be fetched, or is not the file whose hash was declared.
    """
    suffix = PurePosixPath(urlsplit(url).path).suffix
    path = root / FETCHED / f"{sha256}{suffix}"
    if path.is_file() and sha256_file(path) == sha256:
        return path
    try:
        _fetch(url, sha256, path)
    except ImportError as error:
        raise DataError(f"{url}: cannot be fetched: {_first_line(error)}") from error
    except OSError as error:
        raise DataError(
            f"{url}: cannot be fetched: {_first_line(error)}; or bring it by `dvc import-url`"
        ) from (error)
    return path


def _fetch(url: str, sha256: str, path: Path) -> None:
    import fsspec

    digest = hashlib.sha256()
    with fsspec.open(url, "rb") as source, replacing(path) as partial:
        with partial.open("wb") as target:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != sha256:
            raise DataError(
                f"{url}: is not the declared file (its sha256 is {digest.hexdigest()}, declared: {sha256}); "
                "find out what changed, then declare what you trust"
            )


def _first_line(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
