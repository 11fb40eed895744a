"""One more teacher: what is shared is declared once; the merge is what `init` declares for one alone."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from teacherspec.check.explain import origins
from teacherspec.check.parsing.parse import read_document
from teacherspec.check.run import check_teacher
from teacherspec.cli.main import main
from teacherspec.init.requirements import with_extras
from teacherspec.init.upgrade import upgrade
from teacherspec.run_records.dvc_yaml import declared_artifacts, declared_stages


def init(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", *arguments], catch_exceptions=False)


def csv(path: Path, rows: int = 40) -> str:
    lines = [f"message number {number},{'ab'[number % 2]}" for number in range(rows)]
    path.write_text("\n".join(["text,label", *lines]))
    return str(path)


def chat(path: Path) -> str:
    turns = [{"role": "user", "content": "hello there"}, {"role": "assistant", "content": "yes"}]
    path.write_text((json.dumps({"messages": turns}) + "\n") * 40)
    return str(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose teachers are all in folders, with one; and its rows in the same folder."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "new/.dvc").mkdir(parents=True)  # `dvc init` takes seconds
    rows = csv(folder / "first.csv")
    done = init(str(folder / "new"), "--add", "first", "--data", rows, "--no-git")
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def root(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the current folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path / "new")
    return tmp_path / "new"


def commit(root: Path) -> None:
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *command], cwd=root, check=True)


def test_the_first_teacher_declares_what_init_declares_for_one(root: Path, tmp_path: Path) -> None:
    assert (
        init(str(tmp_path / "alone"), "--name", "first", "--data", "../first.csv", "--no-git").exit_code == 0
    )
    alone = read_document(tmp_path / "alone/params.yaml").values
    values = read_document(root / "teachers/first/params.yaml").values
    text = json.dumps(values, sort_keys=True).replace("../../data", "data")
    assert json.loads(text) == alone
    assert not (root / "params.yaml").exists()


def test_the_second_declares_only_what_differs(root: Path, tmp_path: Path) -> None:
    data = csv(tmp_path / "second.csv", rows=3000)
    commit(root)
    shown = init("--add", "second", "--data", data, "--yes")
    assert shown.exit_code == 0, shown.output
    assert "+  second: {path: teachers/second/artifacts/teacher, type: model}" in shown.stdout
    own = read_document(root / "teachers/second/teacher.yaml").values
    assert set(own) == {"extends", "task", "prepare", "finetune", "package"}
    assert set(own["finetune"]) == {"epochs"}
    params = root / "teachers/second/params.yaml"
    places = {one.key: one.place for one in origins(check_teacher(params), params)}
    assert "teachers/shared.yaml" in places["base.license"]
    assert "teachers/second/teacher.yaml" in places["finetune.epochs"]
    changed = subprocess.run(["git", "diff", "--numstat"], capture_output=True, text=True, check=True).stdout
    assert changed.split() == ["1", "0", ".gitattributes", "1", "0", "dvc.yaml"]
    assert declared_artifacts(root) == {
        name: f"teachers/{name}/artifacts/teacher" for name in ("first", "second")
    }


def test_rows_of_the_repository_are_shared_and_not_copied(root: Path) -> None:
    assert init("--add", "second", "--data", "data/first/first.csv", "--yes").exit_code == 0
    declared = [read_document(root / f"teachers/{name}/params.yaml").values for name in ("first", "second")]
    assert declared[0]["prepare"] == declared[1]["prepare"]
    assert [path.name for path in (root / "data").iterdir()] == ["first"]


def test_the_stages_and_versions_of_the_root_are_those_of_each(root: Path) -> None:
    (root / "teachers/first/reports").mkdir()
    stages = declared_stages(root / "teachers/first")
    for stage in stages.values():
        assert f"../../stages/{stage.name}.py" in stage.deps
        assert (root / "teachers/first/../../stages" / f"{stage.name}.py").is_file()
        assert "../../versions.yaml" in stage.params
        assert not [path for path in (*stage.deps, *stage.params) if path.startswith(("stages/", "versions"))]
    assert {"teacher.yaml", "../shared.yaml"} <= set(stages["check"].deps)
    done = subprocess.run(
        ["python", "-m", "stages.check", "--help"], cwd="teachers/first", capture_output=True, text=True
    )
    assert "Check params.yaml as a whole" in done.stdout


def test_a_kind_that_has_less_than_is_shared_declares_all_itself(root: Path, tmp_path: Path) -> None:
    shown = init("--add", "second", "--data", chat(tmp_path / "chat.jsonl"), "--yes")
    assert "shared.yaml: declares base.pooling" in shown.stdout
    assert not (root / "teachers/second/teacher.yaml").exists()
    assert check_teacher(root / "teachers/second/params.yaml").task.kind == "causal_lm"
    assert (root / "requirements.txt").read_text().splitlines()[2].startswith("teacherspec[gguf]")


def test_a_repository_of_one_teacher_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "one"
    (root / ".dvc").mkdir(parents=True)
    assert init("one", "--data", csv(tmp_path / "first.csv"), "--no-git").exit_code == 0
    commit(root)
    before = {
        path: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".git" not in path.parts
    }
    assert (
        init("one", "--add", "second", "--data", csv(tmp_path / "second.csv"), "--yes", "--no-git").exit_code
        == 0
    )
    changed = [path.name for path, content in before.items() if path.read_bytes() != content]
    assert sorted(changed) == [".gitattributes", "dvc.yaml"]
    assert declared_artifacts(root) == {
        "teacher": "artifacts/teacher",
        "second": "teachers/second/artifacts/teacher",
    }
    commit(root)
    assert upgrade(root) == ({}, "")


def test_an_upgrade_renews_the_pipeline_of_every_teacher(root: Path) -> None:
    assert init("--add", "another", "--data", "data/first/first.csv", "--yes").exit_code == 0
    assert upgrade(root) == ({}, "")
    pipeline = root / "teachers/another/dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace("stages.probe", "stages.prob"))
    files, diff = upgrade(root)
    assert list(files) == ["teachers/another/dvc.yaml"]
    assert "-    cmd: python -m stages.prob " in diff


def test_without_consent_nothing_is_written(root: Path, tmp_path: Path) -> None:
    commit(root)
    data = csv(tmp_path / "second.csv")
    init("--add", "second", "--data", data, "--dry-run")
    CliRunner().invoke(main, ["init", "--add", "second", "--data", data], input="n\n")
    status = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True)
    assert status.stdout == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [("first", "is taken"), ("teacher", "is taken"), ("Mine", "no name of a teacher"), ("../x", "no name")],
)
def test_a_name_that_is_taken_or_none(root: Path, name: str, message: str) -> None:
    found = init("--add", name, "--data", "data/first/first.csv", "--yes")
    assert found.exit_code == 1
    assert message in found.stderr


def test_a_repository_that_init_did_not_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("task: {}\n")
    found = init("--add", "second", "--data", csv(tmp_path / "rows.csv"))
    assert "made no repository here" in found.stderr


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("teacherspec==1.0", "teacherspec[gguf]==1.0"),
        ("teacherspec[s3]==1.0", "teacherspec[gguf,s3]==1.0"),
        ("./wheels/teacherspec-1.0-py3-none-any.whl", "./wheels/teacherspec-1.0-py3-none-any.whl[gguf]"),
        ("teacherspec @ git+https://x/y@abc", "teacherspec[gguf] @ git+https://x/y@abc"),
    ],
)
def test_optional_libraries_of_a_base_are_added(line: str, expected: str) -> None:
    text = f"# teacherspec\n{line}\nnumpy==2\n"
    assert with_extras(text, ("gguf",)) == text.replace(line, expected)
    assert with_extras(text, ()) == text
