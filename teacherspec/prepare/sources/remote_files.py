"""Remote files, pinned by their hash: downloaded once, then read like files of the repository.

fsspec does the transfer. Its own file caches name a file by its address and do not verify it, so the
cache by content hash and the atomic write are ours.
"""

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from teacherspec.errors import DataError
from teacherspec.runtime.atomic_io import replacing, sha256_file

DOWNLOADS = Path(".scratch") / "downloads"
"""Where downloaded files are in the repository, each named by its hash; safe to delete at any time."""


def download(root: Path, url: str, sha256: str) -> Path:
    """The file at `url`, downloaded into the repository `root` unless it is there already.

    Raises:
        DataError: it cannot be downloaded, or is not the file whose hash was declared.
    """
    import fsspec

    suffix = PurePosixPath(urlsplit(url).path).suffix
    path = root / DOWNLOADS / f"{sha256}{suffix}"
    if path.is_file() and sha256_file(path) == sha256:
        return path
    with replacing(path) as partial:
        try:
            filesystem, remote = fsspec.url_to_fs(url)
            filesystem.get_file(remote, str(partial))
        except Exception as error:  # each protocol raises the errors of its own library
            raise DataError(
                f"{url}: cannot be downloaded: {_first_line(error)}; or get it with `dvc import-url`"
            ) from error
        given = sha256_file(partial)
        if given != sha256:
            raise DataError(
                f"{url}: is not the declared file (its sha256 is {given}, declared: {sha256}); "
                "find out what changed, then declare the hash you trust"
            )
    return path


def _first_line(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
