"""The workflows: only commands of this repository, no unneeded rights, every action pinned."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.pipeline.gitops.repository import ROOT

FOLDER = ROOT / ".github/workflows"
FILES = sorted(FOLDER.glob("*.yml"))
MAKEFILES = "".join((ROOT / name).read_text() for name in ("Makefile", "pipeline.mk"))
TARGETS = set(re.findall(r"^([\w-]+):", MAKEFILES, re.MULTILINE))
WRITES = {"teacher.yml/comment", "release.yml/publish"}
"""The jobs that may write."""


def load(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(file.read_text())
    return content


JOBS = {f"{file.name}/{name}": job for file in FILES for name, job in load(file)["jobs"].items()}


def test_all_three_are_there() -> None:
    assert [file.name for file in FILES] == ["ci.yml", "release.yml", "teacher.yml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_rights_are_given_job_by_job_and_no_trigger_is_dangerous(file: Path) -> None:
    content = load(file)
    assert content["permissions"] == {}
    triggers = content["on"]
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers)
    assert "concurrency" in content


@pytest.mark.parametrize("name", JOBS)
def test_every_job_is_bounded_and_reads_only_unless_named(name: str) -> None:
    job = JOBS[name]
    assert job["timeout-minutes"] <= 1440
    writes = {right for right, value in job["permissions"].items() if value == "write"}
    assert bool(writes) == (name in WRITES)


@pytest.mark.parametrize("name", JOBS)
def test_every_step_is_a_command_of_this_repository(name: str) -> None:
    for step in JOBS[name]["steps"]:
        if "run" in step:
            assert "${{" not in step["run"], "an expression in a script is text that anyone may write"
            make = re.fullmatch(r"make ([\w-]+)", step["run"])
            assert (make and make[1] in TARGETS) or name == "release.yml/publish"
        else:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
            if step["uses"].startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_a_job_that_may_write_runs_no_code_of_a_pull_request() -> None:
    (checkout,) = [s for s in JOBS["teacher.yml/comment"]["steps"] if "checkout" in s.get("uses", "")]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert "head.repo.full_name == github.repository" in JOBS["teacher.yml/comment"]["if"]
    assert not [s for s in JOBS["release.yml/publish"]["steps"] if "checkout" in s.get("uses", "")]
    assert JOBS["release.yml/publish"]["environment"] == "release"
    assert JOBS["teacher.yml/train"]["environment"] == "training"
    assert JOBS["teacher.yml/train"]["if"] == "github.event_name == 'workflow_dispatch'"


def test_secrets_stay_in_environments_that_a_person_guards() -> None:
    for name, job in JOBS.items():
        if "secrets." in str(job):
            assert "environment" in job, name
    assert "secrets." not in (FOLDER / "ci.yml").read_text()


def test_every_pin_says_its_version() -> None:
    for file in FILES:
        for line in file.read_text().splitlines():
            assert "uses:" not in line or re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_zizmor_finds_nothing() -> None:
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent)) or shutil.which("zizmor")
    if zizmor is None:
        pytest.skip("zizmor is not installed (`make test` installs it)")
    command = [zizmor, "--offline", "--persona", "auditor", "--no-progress", *map(str, FILES)]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


GITLAB: dict[str, Any] = load(ROOT / ".gitlab-ci.yml")
GITLAB_JOBS = {name: job for name, job in GITLAB.items() if isinstance(job, dict) and "script" in job}


def test_gitlab_runs_the_same_commands() -> None:
    assert set(GITLAB_JOBS) == {"test", "review", "comment", "train", "release", "publish"}
    for name, job in GITLAB_JOBS.items():
        assert job["stage"] in GITLAB["stages"], name
        assert job["rules"], name
        assert "timeout" in job, name
        for line in job["script"]:
            make = re.fullmatch(r"make ([\w-]+)", line)
            assert (make and make[1] in TARGETS) or name in ("comment", "publish"), (name, line)
    steps = [step["run"] for step in JOBS["release.yml/build"]["steps"] if "run" in step]
    assert GITLAB_JOBS["release"]["script"] == [step for step in steps if step != "make setup"]


def test_the_gitlab_job_that_may_write_runs_no_code_of_a_merge_request() -> None:
    first, *others = GITLAB_JOBS["comment"]["script"]
    assert first == 'git checkout --quiet --detach "$CI_MERGE_REQUEST_DIFF_BASE_SHA"'
    assert others == ["make comment-merge-request"]
    (rule,) = GITLAB_JOBS["comment"]["rules"]
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in rule["if"]
    assert GITLAB_JOBS["publish"]["variables"]["GIT_STRATEGY"] == "none"
    assert GITLAB_JOBS["publish"]["rules"][0]["when"] == GITLAB_JOBS["train"]["rules"][0]["when"] == "manual"


def test_hooks_and_updates_name_what_exists() -> None:
    hooks = [hook for repo in load(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert {hook["entry"] for hook in hooks} == {
        "python -m teacherspec check",
        "python -m teacherspec verify-lock --staged",
    }
    assert all(hook["language"] == "system" and re.compile(hook["files"]) for hook in hooks)
    (update,) = load(ROOT / ".github/dependabot.yml")["updates"]
    assert (update["package-ecosystem"], update["directory"]) == ("github-actions", "/")


@pytest.mark.parametrize(
    "address", ["s3://b/c", "gs://b/c", "azure://b/c", "ssh://host/c", "/local", "https://h"]
)
def test_setup_installs_the_plugin_of_the_declared_remote(address: str, tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text(f"['remote \"storage\"']\n    url = {address}\n")
    for name in ("Makefile", "pipeline.mk", "requirements"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    shown = subprocess.run(["make", "-n", "setup"], cwd=tmp_path, capture_output=True, text=True, check=True)
    kind = address.partition(":")[0]
    installs = f"-r requirements/remotes/{kind}.txt"
    assert (installs in shown.stdout) == (kind in ("s3", "gs", "azure", "ssh"))


def test_pinned_plugins_agree_with_the_pipeline() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    pipeline = {
        line.partition("==")[0].lower() for line in (ROOT / "requirements.txt").read_text().splitlines()
    }
    files = sorted((ROOT / "requirements/remotes").glob("*.txt"))
    assert [file.stem for file in files] == ["azure", "gs", "s3", "ssh"]
    for file in files:
        lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        assert set(groups[f"remote-{file.stem}"]) <= set(lines)
        assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
        assert not {line.partition("==")[0].lower() for line in lines} & pipeline
