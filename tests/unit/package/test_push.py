"""A package leaves the house verified, whole, and only when that was declared."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from teacherspec.cli.main import main
from teacherspec.errors import UserError
from teacherspec.package.push import push_to_hub, require_releasable
from teacherspec.spec.package import PushToHub
from tests.toys.hub_server import Hub
from tests.toys.packaged_teacher import PackagedTeacher, package
from tests.unit.check.example import RIGHT
from tests.unit.package.test_run import copied, digest

WHERE = PushToHub(kind="hub", repo="owner/teacher")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "a" * 30)
    server = Hub()
    yield server
    server.shutdown()
    server.server_close()


def test_the_hub_gets_exactly_the_package(packaged_teacher: PackagedTeacher, hub: Hub) -> None:
    hub.files["model/older-shard.safetensors"] = b"of a larger teacher"
    url = push_to_hub(packaged_teacher.folder, WHERE, endpoint=hub.address)
    assert url.endswith("2" * 40)
    found = {name: hashlib.sha256(content).hexdigest() for name, content in hub.files.items()}
    assert found == digest(packaged_teacher.folder)
    assert hub.created[0]["visibility"] == "private"


def test_a_refusal_of_the_hub_is_told(packaged_teacher: PackagedTeacher, hub: Hub) -> None:
    hub.refuse = True
    with pytest.raises(UserError, match=r"package\.push: owner/teacher was not pushed: .*403"):
        push_to_hub(packaged_teacher.folder, WHERE, endpoint=hub.address)
    assert not hub.files


def test_a_hub_that_is_not_there_is_told(packaged_teacher: PackagedTeacher, hub: Hub) -> None:
    hub.shutdown()
    hub.server_close()
    with pytest.raises(UserError, match="was not pushed"):
        push_to_hub(packaged_teacher.folder, WHERE, endpoint=hub.address)


def test_only_a_whole_and_ready_package_leaves(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    require_releasable(packaged_teacher.folder, not_ready=True)
    broken = Path(shutil.copytree(packaged_teacher.folder, tmp_path / "teacher"))
    (broken / "README.md").write_text("better\n")
    with pytest.raises(UserError, match=r"checksums: README\.md"):
        require_releasable(broken, not_ready=True)


def run(place: Path, declaration: str, *arguments: str) -> tuple[int, str]:
    (place / "params.yaml").write_text(declaration)
    done = CliRunner().invoke(main, ["push", *arguments])
    return done.exit_code, done.stderr


def test_nothing_is_pushed_unless_declared(
    packaged_teacher: PackagedTeacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run(tmp_path, RIGHT, str(packaged_teacher.folder))
    assert code == 1
    assert "package.push is not declared, so nothing is pushed" in said
    code, said = run(tmp_path, RIGHT.replace("package:\n", "package:\n  push: {kind: dvc}\n"), "absent")
    assert code == 1
    assert "there is no package to push" in said


def test_a_teacher_that_is_not_ready_needs_a_word_more(
    packaged_teacher: PackagedTeacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    impossible = [{"metric": "evaluate.test.accuracy", "at_least": 2.0}]
    package(copied(packaged_teacher, tmp_path), tmp_path, gates=impossible)
    with pytest.raises(UserError, match="is not ready"):
        require_releasable(tmp_path / "teacher")
    require_releasable(tmp_path / "teacher", not_ready=True)
