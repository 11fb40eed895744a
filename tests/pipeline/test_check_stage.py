"""A wrong declaration stops plain `dvc repro` before DVC removes anything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.policy.pipeline_copy import PipelineCopy


@pytest.fixture
def pipeline(tmp_path: Path) -> PipelineCopy:
    return PipelineCopy(tmp_path)


def repro(pipeline: PipelineCopy, *targets: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "dvc", "repro", *targets]
    environment = {**os.environ, "PATH": path}
    return subprocess.run(command, cwd=pipeline.root, env=environment, capture_output=True, text=True)


def outputs(pipeline: PipelineCopy) -> set[str]:
    """Files of every stage but `check`, whose own one DVC may remove."""
    found = (path.relative_to(pipeline.root).as_posix() for path in (pipeline.root / "artifacts").rglob("*"))
    return {name for name in found if "check" not in name}


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("epochs:", "epoch:", "finetune.epoch: unknown key"),
        ("\nfinetune:", "\nfintune:", "fintune: unknown key"),
        ("text_classification", "text_clasification", "task.kind: "),
        ("evaluate.test.accuracy", "evaluate.test.acuracy", "did you mean evaluate.test.accuracy?"),
    ],
)
def test_a_mistake_removes_nothing(pipeline: PipelineCopy, right: str, wrong: str, message: str) -> None:
    before = outputs(pipeline)
    assert "artifacts/finetune/stub" in before
    text = (pipeline.root / "params.yaml").read_text()
    assert right in text
    with pipeline.edited("params.yaml", text.replace(right, wrong, 1)):
        done = repro(pipeline)
    assert done.returncode != 0
    assert message in done.stderr
    assert outputs(pipeline) == before


def test_a_right_edit_passes_the_check_and_marks_only_its_stages(pipeline: PipelineCopy) -> None:
    text = (pipeline.root / "params.yaml").read_text()
    with pipeline.edited("params.yaml", re.sub(r"\n  epochs: \d+", "\n  epochs: 9", text)):
        done = repro(pipeline, "check")
        assert done.returncode == 0, done.stderr
        assert pipeline.stale() == ("finetune", "package")
