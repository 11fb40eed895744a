"""Equal packages give equal archives."""

import hashlib
import os
import tarfile
from pathlib import Path

from teacherspec.release.archive import write_archive


def test_the_same_package_gives_the_same_archive(tmp_path: Path) -> None:
    digests = set()
    for turn, mode in enumerate((0o600, 0o644)):
        folder = tmp_path / str(turn) / "teacher"
        (folder / "model").mkdir(parents=True)
        for name in ("model/weights", "README.md")[:: 1 if turn else -1]:
            (folder / name).write_text(name)
            (folder / name).chmod(mode)
            os.utime(folder / name, (turn, turn))
        archive = tmp_path / f"{turn}.tar"
        write_archive(folder, archive)
        digests.add(hashlib.sha256(archive.read_bytes()).hexdigest())
        with tarfile.open(archive) as packed:
            assert [entry.name for entry in packed] == [
                "teacher", "teacher/README.md", "teacher/model", "teacher/model/weights"
            ]  # fmt: skip
    assert len(digests) == 1


def test_links_are_packed_as_the_files_they_name(tmp_path: Path) -> None:
    """Of a DVC cache of symbolic or hard links, in which equal files are one."""
    copied, linked, hard = (tmp_path / name / "teacher" for name in ("copied", "linked", "hard"))
    stored = tmp_path / "cache/object"
    stored.parent.mkdir()
    stored.write_bytes(b"weights")
    for folder in (copied, linked, hard):
        (folder / "model").mkdir(parents=True)
        for place in (folder / "README.md", folder / "model/model.safetensors"):
            if folder is copied:
                place.write_bytes(stored.read_bytes())
            elif folder is linked:
                place.symlink_to(stored)
            else:
                place.hardlink_to(stored)
    archives = [tmp_path / f"{folder.parent.name}.tar" for folder in (copied, linked, hard)]
    for folder, archive in zip((copied, linked, hard), archives, strict=True):
        write_archive(folder, archive)
    assert len({archive.read_bytes() for archive in archives}) == 1
    with tarfile.open(archives[1]) as packed:
        assert all(entry.isfile() or entry.isdir() for entry in packed)
