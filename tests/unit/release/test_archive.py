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
