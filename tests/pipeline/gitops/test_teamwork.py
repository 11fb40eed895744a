"""Merge conflicts in dvc.lock, experiments, and garbage collection."""

import json
import re
from pathlib import Path

import pytest

from teacherspec.compare.compare import compare
from teacherspec.compare.revision import find_revision
from tests.pipeline.gitops.repository import Repository

pytestmark = pytest.mark.slow


def test_a_conflict_in_dvc_lock_is_resolved_by_building(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "cooler", "main")
    repository.edit("params.yaml", "temperature: 0.8", "temperature: 1.2")
    repository.dvc("repro", "--quiet")
    repository.commit("Calibrate cooler")
    # Merged line by line, the lock would record a combination that never ran.
    repository.git("merge", "pr", code=1)
    assert "dvc.lock" in repository.git("diff", "--name-only", "--diff-filter=U").splitlines()
    # As docs/gitops.md describes.
    repository.git("checkout", "--ours", "dvc.lock", "reports")
    repository.dvc("repro", "--quiet")
    repository.commit("Merge pr")
    assert json.loads(repository.dvc("status", "--json")) == {}
    merged = find_revision("HEAD")
    assert merged.params["finetune"]["skill"] == 0.9
    assert merged.params["calibrate"]["temperature"] == 1.2
    states = {build.stage: build.state for build in compare(find_revision("pr"), merged).stages}
    assert states == {
        "check": "same bytes",
        "prepare": "reused",
        "finetune": "reused",
        "evaluate": "reused",
        "calibrate": "rebuilt",
        "package": "rebuilt",
    }


def test_experiments_run_queue_show_and_become_a_commit(repository: Repository) -> None:
    repository.dvc("exp", "run", "--quiet", "--name", "better", "--set-param", "finetune.skill=0.8")
    repository.git("checkout", "--quiet", ".")
    repository.dvc("checkout", "--quiet")
    repository.dvc("exp", "run", "--queue", "--set-param", "finetune.skill=0.3,0.4")
    repository.dvc("exp", "run", "--run-all", "--jobs", "1")
    (main,) = [
        row for row in json.loads(repository.dvc("exp", "show", "--json")) if row["rev"] != "workspace"
    ]
    shown = {
        state["data"]["params"]["params.yaml"]["data"]["finetune"]["skill"]: (
            state["rev"],
            state["data"]["metrics"]["reports/evaluate/metrics.json"]["data"]["test"]["accuracy"]["value"],
        )
        for experiment in main["experiments"]
        for state in experiment["revs"]
    }
    assert sorted(shown) == [0.3, 0.4, 0.8]
    accuracies = [shown[skill][1] for skill in sorted(shown)]
    assert accuracies == sorted(set(accuracies)), "more skill, more right answers"
    # An experiment is a revision like any other.
    diff = compare(find_revision("main"), find_revision(shown[0.8][0]))
    assert [(change.before, change.after) for change in diff.params] == [("0.6", "0.8")]
    assert {test.metric for test in diff.predictions.tests} >= {"evaluate.test.accuracy"}
    # Applied, it is a commit that needs no building.
    repository.dvc("exp", "apply", "better")
    repository.commit("The better teacher")
    assert json.loads(repository.dvc("status", "--json")) == {}
    assert not re.findall(r"Running stage", repository.dvc("repro"))


def test_collecting_garbage_keeps_tagged_teachers(repository: Repository) -> None:
    repository.git("tag", "--annotate", "--message", "v1", "teacher@v1.0.0", "main")
    repository.git("switch", "--quiet", "--detach", "pr")
    repository.dvc("checkout", "--quiet")
    repository.git("branch", "--quiet", "--delete", "--force", "main", "pr")
    repository.git("branch", "--quiet", "--remotes", "--delete", "origin/main", "origin/pr", code=None)
    repository.dvc("exp", "run", "--quiet", "--name", "better", "--set-param", "finetune.skill=0.8")
    trained = Path(repository.root / "artifacts/finetune/model.json").read_text()
    repository.git("checkout", "--quiet", ".")
    repository.dvc("checkout", "--quiet")
    # What docs/releases.md advises; without --all-tags the teacher of the tag is gone, see below.
    repository.dvc("gc", "--all-branches", "--all-tags", "--all-experiments", "--force", "--quiet")
    with find_revision("better").artifact("artifacts/finetune") as folder:
        assert (folder / "model.json").read_text() == trained
    with find_revision("teacher@v1.0.0").artifact("artifacts/evaluate") as folder:
        assert (folder / "predictions.json").is_file()
    repository.dvc("gc", "--workspace", "--force", "--quiet")
    lost = find_revision("teacher@v1.0.0").outs["artifacts/evaluate"]
    assert not (repository.root / ".dvc/cache/files/md5" / lost[:2] / lost[2:]).exists()
