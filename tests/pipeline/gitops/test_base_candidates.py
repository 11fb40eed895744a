"""Candidates for the base through the whole pipeline, and what an edit of one of them runs again."""

import json
import re
from pathlib import Path

import pytest

from tests.pipeline.gitops.repository import Repository
from tests.pipeline.gitops.toy_repositories import new_repository

ONE_BASE = """\
  source: {kind: path, folder: data/base}
  license: cc0-1.0
"""
CANDIDATES = """\
  candidates:
    - {name: two-layers, source: {kind: path, folder: data/base}, license: cc0-1.0}
    - {name: one-layer, source: {kind: path, folder: data/base}, license: cc0-1.0, layers: 1}
  choice: {max_parameters: 100000}
"""


def ran(repository: Repository) -> list[str]:
    """The stages that a reproduction ran."""
    return re.findall(r"Running stage '(\w+)'", repository.dvc("repro"))


def packaged_layers(repository: Repository) -> int:
    config = json.loads((repository.root / "artifacts/teacher/model/config.json").read_text())
    return int(config["num_hidden_layers"])


@pytest.mark.slow
def test_an_edit_of_a_losing_candidate_trains_nothing_and_another_choice_does(tmp_path: Path) -> None:
    repository = new_repository(tmp_path)
    repository.edit("params.yaml", ONE_BASE, CANDIDATES)
    assert {"base", "finetune", "package"} <= set(ran(repository))
    fit = json.loads((repository.root / "reports/base/candidates.json").read_text())
    chosen, loser = fit["chosen"], next(name for name in fit["each"] if name != fit["chosen"])
    layers = {"two-layers": 2, "one-layer": 1}
    assert packaged_layers(repository) == layers[chosen]
    assert repository.teacherspec("verify-package", "artifacts/teacher").returncode == 0
    assert ran(repository) == []

    repository.edit("params.yaml", f"name: {loser},", f"name: other-{loser},")
    again = ran(repository)
    assert "base" in again
    assert not {"check_rows", "finetune", "evaluate", "calibrate", "probe"} & set(again)
    assert f"other-{loser}" in (repository.root / "reports/base/report.md").read_text()

    repository.edit("params.yaml", "max_parameters: 100000", f"use: other-{loser}")
    assert {"base", "finetune", "evaluate", "package"} <= set(ran(repository))
    assert packaged_layers(repository) == layers[loser]
