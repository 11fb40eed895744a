"""Files are written all or none; an upgrade shows what it changes and takes nothing that git lacks."""

import subprocess
from pathlib import Path

import pytest

from teacherspec.errors import UserError
from teacherspec.init import repository
from teacherspec.init.kinds.registry import BY_NAME
from teacherspec.init.requirements import library
from teacherspec.init.upgrade import apply_upgrade, upgrade


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "rows.csv"
    data.write_text("a,b\n")
    (tmp_path / "new").mkdir()
    (tmp_path / "new/blocked").write_text("a file where a folder is needed")
    with pytest.raises((FileExistsError, NotADirectoryError)):
        repository.write(
            tmp_path / "new", {"a.txt": "1", "blocked/b.txt": "2"}, {data: Path("data/rows.csv")}
        )
    left = {path.name for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert left == {"blocked"}


def made(root: Path) -> Path:
    files = repository.library_files(BY_NAME["text_classification"])
    repository.write(root, {**files, "params.yaml": "task: {kind: text_classification}\n"}, {})
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *command], cwd=root, check=True)
    return root


def test_the_installed_version_changes_nothing(tmp_path: Path) -> None:
    assert upgrade(made(tmp_path)) == ({}, "")


def test_an_upgrade_shows_and_renews_what_differs(tmp_path: Path) -> None:
    root = made(tmp_path)
    older = (root / "versions.yaml").read_text().replace("code:", "code:\n  old: x", 1)
    (root / "versions.yaml").write_text(older)
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "y"], cwd=root, check=True
    )
    files, diff = upgrade(root)
    assert list(files) == ["versions.yaml"]
    assert "-  old: x" in diff
    apply_upgrade(root, files)
    assert upgrade(root) == ({}, "")


def test_edits_that_git_lacks_stop_an_upgrade(tmp_path: Path) -> None:
    root = made(tmp_path)
    (root / "dvc.yaml").write_text("mine\n")
    files, _ = upgrade(root)
    with pytest.raises(UserError, match=r"dvc\.yaml differ from the last commit"):
        apply_upgrade(root, files)
    assert (root / "dvc.yaml").read_text() == "mine\n"


def test_a_kind_that_is_not_installed_stops_an_upgrade(tmp_path: Path) -> None:
    """Else its package would be dropped from `versions.yaml` and `requirements.txt`."""
    root = made(tmp_path)
    (root / "params.yaml").write_text("task: {kind: ticket}\n")
    with pytest.raises(
        UserError, match=r"^params\.yaml: task\.kind ticket is neither built in nor of an inst"
    ):
        upgrade(root)


def test_a_folder_that_init_did_not_make_has_no_upgrade(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="made no repository here"):
        upgrade(tmp_path)


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ({}, "teacherspec[gguf]==1.2.0"),
        (
            {"url": "file:///tmp/teacherspec-1.2.0-py3-none-any.whl"},
            "./wheels/teacherspec-1.2.0-py3-none-any.whl[gguf]",
        ),
        ({"url": "file:///src", "dir_info": {"editable": True}}, "teacherspec[gguf]==1.2.0"),
        (
            {"url": "https://example.org/t.git", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}},
            f"teacherspec[gguf] @ git+https://example.org/t.git@{'a' * 40}",
        ),
    ],
)
def test_others_install_the_same_library(origin: dict[str, object], line: str) -> None:
    assert library(("gguf",), "1.2.0", origin) == line


@pytest.mark.parametrize("folder", ["data/tickets", "my rows"])
def test_git_leaves_the_bytes_of_rows_alone(folder: str, tmp_path: Path) -> None:
    content = b"text,label\r\nhello,a\r\n"
    repository.write(tmp_path, {".gitattributes": repository.attributes(folder)}, {})
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "rows.csv").write_bytes(content)
    repository.start_git_and_dvc(tmp_path)
    for command in (
        ["add", "."],
        ["commit", "-qm", "x"],
        ["rm", "-rq", folder],
        ["checkout", "-q", "HEAD", "--", "."],
    ):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *command], cwd=tmp_path, check=True
        )
    assert (tmp_path / folder / "rows.csv").read_bytes() == content
