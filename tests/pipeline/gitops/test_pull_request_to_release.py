"""From an edit to a release that is rebuilt elsewhere: real stages, git, DVC, remotes and workflows."""

import re
import threading
from pathlib import Path

import pytest

from tests.pipeline.gitops.repository import Repository, clone, lend_environment
from tests.pipeline.gitops.toy_repositories import new_repository
from tests.policy.test_workflows import FOLDER, load
from tests.unit.compare.test_pr_comment import TOKEN, Service

pytestmark = pytest.mark.slow


def run_job(repository: Repository, workflow: str, job: str, context: dict[str, str], **runner: str) -> None:
    """Run every `run` step of a job as the service would, expressions of `env` filled from `context`."""
    declared = load(FOLDER / workflow)["jobs"][job]
    for step in declared["steps"]:
        if "run" in step:
            written = {**declared.get("env", {}), **step.get("env", {})}
            variables = {
                name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: context[found[1]], value)
                for name, value in written.items()
            }
            repository.run("bash", "-e", "-o", "pipefail", "-c", step["run"], **{**variables, **runner})


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`main` with the toy teacher and the branch `pr` with a longer trained one, both built and pushed."""
    folder = tmp_path_factory.mktemp("team")
    repository = new_repository(folder)
    repository.teacherspec("repro")
    repository.commit("Build the toy teacher")
    repository.git("switch", "--quiet", "--create", "pr")
    repository.edit("params.yaml", "epochs: 1", "epochs: 3")
    ran = repository.teacherspec("repro").stdout
    assert {"prepare", "base"}.isdisjoint(re.findall(r"Running stage '(\w+)'", ran))
    repository.commit("Train longer")
    repository.dvc("push", "--quiet", "--run-cache", "--all-branches")
    repository.git("push", "--quiet", "origin", "main", "pr")
    return folder


def test_review_merge_tag_publish_and_reproduce_elsewhere(team: Path) -> None:
    review(team)
    merge_and_tag(team)
    publish(team)
    reproduce(team)


def review(team: Path) -> None:
    """The service checks out the merge of the pull request with main, on a machine that has nothing."""
    checkout = clone(team / "origin.git", team / "review")
    checkout.git("merge", "--quiet", "--no-ff", "origin/pr", "-m", "Merge the pull request")
    lend_environment(checkout.root)
    summary = team / "summary.md"
    run_job(
        checkout, "teacher.yml", "review",
        {"github.base_ref": "main"}, GITHUB_STEP_SUMMARY=str(summary),
    )  # fmt: skip
    shown = summary.read_text()
    assert "| `finetune.epochs` | `1` | `3` |" in shown
    assert "| `finetune` | rebuilt | `params finetune.epochs` |" in shown
    assert "| `prepare` | reused |  |" in shown
    assert "McNemar" in shown
    assert "Could not be compared" not in shown
    with Service() as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        run_job(
            checkout, "teacher.yml", "comment",
            {"github.token": TOKEN, "github.event.number": "7"},
            GITHUB_REPOSITORY="owner/name", GITHUB_API_URL=f"http://127.0.0.1:{service.server_port}",
        )  # fmt: skip
        service.shutdown()
    (comment,) = service.comments
    assert shown in str(comment["body"])


def merge_and_tag(team: Path) -> None:
    """By a person; nothing is built again."""
    person = Repository(team / "repository")
    person.git("switch", "--quiet", "main")
    person.git("merge", "--quiet", "--ff-only", "pr")
    person.teacherspec("release", "v1.0.0", "--push")
    person.git("push", "--quiet", "origin", "main", "teacher@v1.0.0")


def publish(team: Path) -> None:
    """The release, on a machine that has nothing."""
    release = clone(team / "origin.git", team / "release", "--branch", "teacher@v1.0.0")
    lend_environment(release.root)
    context = {"github.ref_name": "teacher@v1.0.0", "secrets.DVC_CONFIG_LOCAL": ""}
    run_job(release, "release.yml", "build", context)
    (archive,) = (release.root / "out/release").glob("*.tar")
    assert archive.name == "teacher-v1.0.0.tar"
    assert "- pass evaluate.test.accuracy" in (release.root / "out/release/notes.md").read_text()
    (release.root / "out/release").rename(release.root / "release")
    tools = team / "tools"
    tools.mkdir()
    (tools / "gh").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {team}/published\n')
    (tools / "gh").chmod(0o755)
    run_job(
        release, "release.yml", "publish",
        {**context, "github.repository": "owner/name", "github.token": TOKEN}, PATH=f"{tools}:/usr/bin:/bin",
    )  # fmt: skip
    published = (team / "published").read_text().splitlines()
    assert published[:4] == ["release", "create", "teacher@v1.0.0", "--verify-tag"]
    assert published[-2:] == ["release/teacher-v1.0.0.tar", "release/SHA256SUMS"]


def reproduce(team: Path) -> None:
    """Somebody else builds the tag again."""
    other = clone(team / "origin.git", team / "other")
    output = other.teacherspec("rebuild-release", "teacher@v1.0.0").stdout
    assert "R1: identical" in output
    same, outputs = re.findall(r"(\d+) of (\d+) outputs have the recorded hash", output)[0]
    assert same == outputs
    assert int(outputs) >= 30


def test_a_fresh_clone_takes_the_training_of_others_from_the_remote(team: Path) -> None:
    repository = clone(team / "origin.git", team / "fresh", "--branch", "main")
    # The same edit as in the pull request, by somebody who starts where that branch did.
    repository.git("reset", "--quiet", "--hard", "origin/pr~1")
    repository.edit("params.yaml", "epochs: 1", "epochs: 3")
    output = repository.dvc("repro", "--pull", "--allow-missing", "finetune")
    assert "Running stage 'finetune'" not in output
    assert "Stage 'finetune' is cached" in output
    trained = Repository(team / "repository").git("show", "pr:dvc.lock")
    assert repository.run("git", "diff", "--stat", "dvc.lock").stdout
    recorded = re.findall(r"path: artifacts/finetune\n\s+hash: md5\n\s+md5: (\w+\.dir)", trained)
    assert recorded[0] in (repository.root / "dvc.lock").read_text()
