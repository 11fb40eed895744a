"""Several teachers in one repository: each is listed, compared and released by itself."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from teacherspec.cli.main import main
from tests.pipeline.gitops.repository import ENVIRONMENT, Repository

NAMES = ("helpdesk", "parcels")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


@pytest.fixture
def several(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The built project twice, in `teachers/` of one DVC project, as the current folder."""
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    for name in ("PATH", "PYTHONPATH", "DVC_NO_ANALYTICS"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    root = tmp_path / "repository"
    for name in NAMES:
        source = built / "repository"
        shutil.copytree(source, root / "teachers" / name, ignore=shutil.ignore_patterns(".git", ".dvc"))
    shutil.copytree(built / "repository/.dvc", root / ".dvc", ignore=shutil.ignore_patterns("tmp"))
    shutil.copy(built / "repository/.dvcignore", root)
    lines = [f"  {name}: {{path: teachers/{name}/artifacts/teacher, type: model}}" for name in NAMES]
    (root / "dvc.yaml").write_text("\n".join(["artifacts:", *lines, ""]))
    repository = Repository(root)
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.commit("Two teachers")
    monkeypatch.chdir(root)
    return repository


def test_a_table_of_all(several: Repository) -> None:
    several.edit("teachers/parcels/params.yaml", "skill: 0.6", "skill: 0.5")
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert list(rows) == list(NAMES)
    assert rows["helpdesk"]["state"] == "up to date"
    assert rows["parcels"]["state"].startswith("stale: check, finetune")
    metrics = json.loads((several.root / "teachers/helpdesk/reports/evaluate/metrics.json").read_text())
    assert rows["helpdesk"]["quality"]["value"] == metrics["test"]["accuracy"]["value"]
    table = run("list").stdout.splitlines()
    assert table[0].split()[:3] == ["teacher", "verdict", "gates"]
    assert [line.split()[0] for line in table[1:]] == list(NAMES)


def test_a_release_is_of_one_teacher_under_its_name(several: Repository) -> None:
    """Another one that is not up to date does not matter."""
    several.edit("teachers/parcels/params.yaml", "skill: 0.6", "skill: 0.5")
    several.commit("Edit the other one")
    found = run("--teacher", "helpdesk", "release", "v1.0.0")
    assert found.exit_code == 0, found.output
    assert several.git("tag", "--list") == "helpdesk@v1.0.0"
    several.dvc("artifacts", "get", ".", "helpdesk", "--rev", "v1.0.0", "--out", "out/got")
    assert (several.root / "out/got/SHA256SUMS").is_file()
    assert [row["version"] for row in json.loads(run("list", "--json").stdout)] == ["v1.0.0", None]
    packed = run("--teacher", "helpdesk", "pack-release", "helpdesk@v1.0.0", "out/release")
    assert packed.exit_code == 0, packed.output
    assert (several.root / "teachers/helpdesk/out/release/helpdesk-v1.0.0.tar").is_file()
    refused = run("--teacher", "parcels", "release", "v1.0.0")
    assert refused.exit_code == 1
    assert "skill: 0.6 → 0.5" in refused.stderr


def test_a_command_for_one_names_those_there_are(several: Repository) -> None:
    found = run("diff", "main")
    assert found.exit_code == 2
    assert (
        "name one of the teachers here: --teacher NAME before the command (helpdesk, parcels)" in found.stderr
    )
    found = run("--teacher", "helpdsk", "show")
    assert found.exit_code == 2
    assert "--teacher helpdsk: no such teacher" in found.stderr
    assert "helpdesk, parcels" in found.stderr


def test_every_teacher_is_checked_and_all_problems_are_shown(several: Repository) -> None:
    """One without params hides no other."""
    (several.root / "teachers/helpdesk/params.yaml").unlink()
    several.edit("teachers/parcels/params.yaml", "skill: 0.6", "skill: 0.5")
    found = run("verify-lock")
    assert found.exit_code == 1
    assert "teachers/helpdesk: params.yaml: no such file" in found.stderr
    assert "teachers/parcels: finetune: params.yaml: finetune.skill: 0.6 → 0.5" in found.stderr
    states = {row["name"]: row["state"] for row in json.loads(run("list", "--json").stdout)}
    assert "params.yaml: no such file" in states["helpdesk"]
    assert states["parcels"].startswith("stale")
