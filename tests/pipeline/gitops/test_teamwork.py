"""Two people and one dvc.lock; experiments, at once and queued."""

import json
import re

import pytest

from teacherspec.compare.compare import compare
from teacherspec.compare.revision import find_revision
from tests.pipeline.gitops.sandbox import Sandbox

pytestmark = pytest.mark.slow


def test_a_conflict_in_dvc_lock_is_a_conflict_and_is_resolved_by_building(sandbox: Sandbox) -> None:
    sandbox.git("switch", "--quiet", "--create", "cooler", "main")
    sandbox.edit("params.yaml", "temperature: 0.8", "temperature: 1.2")
    sandbox.dvc("repro", "--quiet")
    sandbox.commit("Calibrate cooler")
    # Git could merge the two locks line by line into a combination that never ran; it must not.
    sandbox.git("merge", "pr", code=1)
    assert "dvc.lock" in sandbox.git("diff", "--name-only", "--diff-filter=U").splitlines()
    # What docs/gitops.md says.
    sandbox.git("checkout", "--ours", "dvc.lock", "reports")
    sandbox.dvc("repro", "--quiet")
    sandbox.commit("Merge pr")
    assert json.loads(sandbox.dvc("status", "--json")) == {}
    merged = find_revision("HEAD")
    assert merged.params["finetune"]["skill"] == 0.9
    assert merged.params["calibrate"]["temperature"] == 1.2
    states = {build.stage: build.state for build in compare(find_revision("pr"), merged).stages}
    assert states == {
        "prepare": "reused",
        "finetune": "reused",
        "evaluate": "reused",
        "calibrate": "rebuilt",
        "package": "rebuilt",
    }


def test_experiments_run_queue_show_and_become_a_commit(sandbox: Sandbox) -> None:
    sandbox.dvc("exp", "run", "--quiet", "--name", "better", "--set-param", "finetune.skill=0.8")
    sandbox.git("checkout", "--quiet", ".")
    sandbox.dvc("checkout", "--quiet")
    sandbox.dvc("exp", "run", "--queue", "--set-param", "finetune.skill=0.3,0.4")
    sandbox.dvc("exp", "run", "--run-all", "--jobs", "1")
    (main,) = [row for row in json.loads(sandbox.dvc("exp", "show", "--json")) if row["rev"] != "workspace"]
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
    review = compare(find_revision("main"), find_revision(shown[0.8][0]))
    assert [(change.before, change.after) for change in review.params] == [("0.6", "0.8")]
    assert {test.metric for test in review.answered.tests} >= {"evaluate.test.accuracy"}
    # Applied, it is a commit that needs no building.
    sandbox.dvc("exp", "apply", "better")
    sandbox.commit("The better teacher")
    assert json.loads(sandbox.dvc("status", "--json")) == {}
    assert not re.findall(r"Running stage", sandbox.dvc("repro"))


def test_collecting_garbage_keeps_tagged_teachers(sandbox: Sandbox) -> None:
    sandbox.git("tag", "--annotate", "--message", "v1", "teacher@v1.0.0", "main")
    sandbox.git("switch", "--quiet", "--detach", "pr")
    sandbox.dvc("checkout", "--quiet")
    sandbox.git("branch", "--quiet", "--delete", "--force", "main", "pr")
    sandbox.git("branch", "--quiet", "--remotes", "--delete", "origin/main", "origin/pr", code=None)
    # What docs/releases.md advises; without --all-tags the teacher of the tag is gone, see below.
    sandbox.dvc("gc", "--all-branches", "--all-tags", "--force", "--quiet")
    with find_revision("teacher@v1.0.0").artifact("artifacts/evaluate") as folder:
        assert (folder / "predictions.json").is_file()
    sandbox.dvc("gc", "--workspace", "--force", "--quiet")
    lost = find_revision("teacher@v1.0.0").outs["artifacts/evaluate"]
    assert not (sandbox.root / ".dvc/cache/files/md5" / lost[:2] / lost[2:]).exists()
