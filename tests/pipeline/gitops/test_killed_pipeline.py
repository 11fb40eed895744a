"""The real pipeline, killed in every stage, ends in the bytes of an undisturbed build.

    python -m pytest -m slow -s tests/pipeline/gitops/test_killed_pipeline.py

One build is killed `KILLS` times in each of its stages, at random moments, by random signals to a random
process, and resumed each time. Prints one line for each kill, then the figures of docs/gitops.md.
"""

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from teacherspec.run_records.dvc_yaml import declared_stages
from tests.pipeline.gitops.repository import ENVIRONMENT, Repository
from tests.pipeline.gitops.toy_repositories import new_repository
from tests.unit.run_records.faults import SIGNALS, TARGETS, Wait, kill, processes_of
from tests.unit.run_records.toy_project import hashes

KILLS = 2
REPRO = [sys.executable, "-m", "teacherspec", "repro"]


def runs(process: psutil.Process, stage: str) -> bool:
    try:
        return f"stages.{stage}" in process.cmdline()
    except psutil.Error:  # it just ended
        return False


def within(stage: str, root: Path, seconds: float) -> Wait:
    """Returns `seconds` after `stage` began, or when the run ended before."""

    def wait(run: "subprocess.Popen[bytes]") -> None:
        while run.poll() is None:
            if any(runs(process, stage) for process in processes_of(root)):
                time.sleep(seconds)
                return
            time.sleep(0.02)

    return wait


TIMES = ("reports/evaluate/latency.json", "artifacts/attestation/statement.intoto.json")
"""Measured times: no hash covers them."""


def compared(root: Path) -> dict[str, str]:
    """Digest of every file that must be the same."""
    return {name: digest for name, digest in hashes(root).items() if name not in TIMES}


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a process with its parent")
def test_the_real_pipeline_killed_in_every_stage_ends_in_the_same_bytes(tmp_path: Path) -> None:
    undisturbed = new_repository(tmp_path)
    undisturbed.edit("params.yaml", "epochs: 1", "epochs: 3")
    root = tmp_path / "elsewhere/repository"
    shutil.copytree(undisturbed.root, root, symlinks=True)
    undisturbed.run(*REPRO)
    draw, orphans, tried = random.Random(0), 0, 0  # noqa: S311
    for stage in declared_stages(root):
        for _ in range(KILLS):
            target, number, seconds = draw.choice(TARGETS), draw.choice(SIGNALS), draw.uniform(0.0, 4.0)
            left = kill(root, REPRO, within(stage, root, seconds), target, number, ENVIRONMENT)
            print(f"{number.name} to {target}, {seconds:.2f} s into {stage}: {left} orphans", flush=True)
            orphans, tried = orphans + left, tried + 1
    Repository(root).run(*REPRO)
    expected, found = compared(undisturbed.root), compared(root)
    differing = sorted({name for name, _ in expected.items() ^ found.items()})
    print(f"kills tried {tried}, orphans {orphans}")
    print(f"hashes compared {len(expected)}, equal {len(expected) - len(differing)}")
    assert "artifacts/finetune/model/model.safetensors" in expected
    assert (differing, orphans) == ([], 0)
