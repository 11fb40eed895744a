"""With DVC's caches of links, the pipeline builds, verifies and packs the same teacher as with copies."""

import hashlib
from pathlib import Path

import pytest

from tests.pipeline.gitops.repository import Repository
from tests.pipeline.gitops.toy_repositories import new_repository

pytestmark = pytest.mark.slow


def packed(repository: Repository, folder: str) -> str:
    """SHA-256 of the archive of the release."""
    repository.teacherspec("pack-release", "teacher@v1.0.0", folder, code=None)  # 1: a toy misses its gates
    (archive,) = (repository.root / folder).glob("*.tar")
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def test_a_teacher_is_built_from_links_and_released_from_each_kind_of_cache(tmp_path: Path) -> None:
    repository = new_repository(tmp_path)
    # The data too, in a cache outside of the repository, as several people share one.
    repository.git("rm", "--quiet", "-r", "--cached", "data/toy")
    repository.dvc("cache", "dir", str(tmp_path / "shared"))
    repository.dvc("config", "cache.type", "symlink")
    repository.dvc("add", "--quiet", "data/toy")
    repository.commit("A shared cache of links")
    repository.teacherspec("repro")
    assert (repository.root / "artifacts/finetune/model/model.safetensors").is_symlink()
    repository.commit("Build")
    for command in (
        ("verify-lock",),
        ("verify-artifacts",),
        ("verify-package", "artifacts/teacher"),
        ("show",),
    ):
        repository.teacherspec(*command)
    repository.git("tag", "--annotate", "--message", "x", "teacher@v1.0.0")
    archives = {packed(repository, "out/symlink")}
    for kind in ("hardlink", "copy"):
        repository.dvc("config", "--local", "cache.type", kind)
        repository.dvc("checkout", "--relink", "--quiet")
        assert not (repository.root / "artifacts/teacher/SHA256SUMS").is_symlink()
        repository.teacherspec("verify-package", "artifacts/teacher")
        archives.add(packed(repository, f"out/{kind}"))
    assert len(archives) == 1
