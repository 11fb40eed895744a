"""Whether a file was written since: by its stamp, without reading it."""

from pathlib import Path

Stamp = tuple[int, int, int, int]


def stamp(path: Path) -> Stamp:
    """Inode, size, modification and change time of a file; any write moves the change time."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
