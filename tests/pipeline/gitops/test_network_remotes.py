"""A teacher that another machine takes from S3 or by SSH, and what is said without credentials."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.gitops.repository import Repository, clone
from tests.pipeline.gitops.toy_repositories import new_repository
from tests.toys.network_remotes import NetworkRemote, s3, ssh

pytestmark = pytest.mark.slow


SERVERS = {"s3": s3, "ssh": ssh}


@pytest.fixture(params=sorted(SERVERS))
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NetworkRemote]:
    (tmp_path / "served").mkdir()
    with SERVERS[request.param](tmp_path / "served") as served:
        yield served


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the built toy teacher in `repository`, and its `origin.git`."""
    folder = tmp_path_factory.mktemp("toy")
    repository = new_repository(folder)
    repository.teacherspec("repro")
    repository.commit("Build the toy teacher")
    return folder


def test_a_clone_takes_every_stage_from_it(toy: Path, remote: NetworkRemote, tmp_path: Path) -> None:
    repository = Repository(toy / "repository")
    repository.dvc("remote", "add", "--default", remote.kind, remote.url)
    for name, value in remote.settings.items():
        repository.dvc("remote", "modify", remote.kind, name, value)
    repository.commit("Keep caches on the network")
    repository.git("push", "--quiet", "--force", "origin", "main")
    let_in(repository, remote)
    repository.run("dvc", "push", "--run-cache", **remote.environment)

    elsewhere = clone(toy / "origin.git", tmp_path / "elsewhere")
    for command in (("dvc", "pull"), ("python", "-m", "teacherspec", "repro", "--pull")):
        refused = elsewhere.run(*command, code=None, **remote.environment)
        assert refused.returncode != 0, refused.stdout
        assert "Traceback" not in refused.stderr + refused.stdout
    assert not (elsewhere.root / "artifacts").exists()

    let_in(elsewhere, remote)
    built = elsewhere.run("python", "-m", "teacherspec", "repro", "--pull", **remote.environment)
    assert "Running stage" not in built.stdout
    assert elsewhere.git("status", "--porcelain") == ""
    assert elsewhere.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."


def let_in(repository: Repository, remote: NetworkRemote) -> None:
    for name, value in remote.secrets.items():
        repository.dvc("remote", "modify", "--local", remote.kind, name, value)
