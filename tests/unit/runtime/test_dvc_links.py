"""A link is DVC's own where it names an object in the cache of the project that it lies in."""

import hashlib
from pathlib import Path

import pytest

from teacherspec.model_files.security_scan import list_files
from teacherspec.prepare.sources.path_checks import problem_of_file
from teacherspec.runtime.dvc_links import is_dvc_link
from tests.unit.run_records.toy_project import run

CONTENT = b'{"text": "a", "label": "b"}\n'
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


@pytest.fixture(params=["its own", "shared"])
def linked(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """`data/rows.jsonl` of a project, as a link into its cache."""
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    (project / ".dvc").mkdir()
    cache = project / ".dvc/cache"
    if request.param == "shared":
        cache = tmp_path / "shared"
        (project / ".dvc/config").write_text(f"[cache]\n    dir = {cache}\n    type = symlink\n")
    stored = cache / "files/md5" / MD5[:2] / MD5[2:]
    stored.parent.mkdir(parents=True)
    stored.write_bytes(CONTENT)
    path = project / "data/rows.jsonl"
    path.symlink_to(stored)
    return path


def test_a_link_into_the_cache_is_the_file(linked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_dvc_link(linked)
    assert problem_of_file(linked.parents[1], linked) is None
    monkeypatch.chdir(linked.parents[1])
    assert is_dvc_link(Path("data/rows.jsonl"))


def test_a_model_in_a_cache_of_links_is_a_model(linked: Path) -> None:
    (linked.parent / "config.json").symlink_to(linked.resolve())
    linked.unlink()
    problems: list[str] = []
    assert list_files(linked.parent, problems) == ["config.json"]
    assert not problems


@pytest.mark.parametrize(
    "kind", ["elsewhere", "not an object", "a folder's list", "nothing", "the cache of others"]
)
def test_every_other_link_is_refused(linked: Path, tmp_path: Path, kind: str) -> None:
    objects = linked.resolve().parent.parent
    places = {
        "elsewhere": tmp_path / "secret.jsonl",
        "not an object": objects / "notes.jsonl",
        "a folder's list": objects / MD5[:2] / f"{MD5[2:]}.dir",
        "nothing": objects / "00" / ("0" * 30),
        "the cache of others": tmp_path / "other/.dvc/cache/files/md5" / MD5[:2] / MD5[2:],
    }
    if kind != "nothing":
        places[kind].parent.mkdir(parents=True, exist_ok=True)
        places[kind].write_bytes(CONTENT)
    link = linked.parent / "config.json"
    link.symlink_to(places[kind])
    assert not is_dvc_link(link)
    problems: list[str] = []
    list_files(link.parent, problems)
    assert any("config.json: is a link to" in problem for problem in problems)


def test_outside_of_a_project_no_link_is_dvcs(linked: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    link = tmp_path / "outside/rows.jsonl"
    link.symlink_to(linked.resolve())
    assert not is_dvc_link(link)


def test_links_that_dvc_itself_makes_are_known(tmp_path: Path) -> None:
    run(tmp_path, "git", "init", "--quiet")
    run(tmp_path, "dvc", "init", "--quiet")
    run(tmp_path, "dvc", "config", "cache.type", "symlink")
    run(tmp_path, "dvc", "cache", "dir", "elsewhere")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/rows.jsonl").write_bytes(CONTENT)
    run(tmp_path, "dvc", "add", "--quiet", "data")
    assert (tmp_path / "data/rows.jsonl").is_symlink()
    assert is_dvc_link(tmp_path / "data/rows.jsonl")
