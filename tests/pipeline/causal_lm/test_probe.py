"""What a toy language model is worth to students, from its evaluation to its card."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from teacherspec.metric_names.probe import probe_names
from teacherspec.package.stage_outputs import Stages
from teacherspec.package.verification.verify import verify
from teacherspec.probe.run import run_probe
from teacherspec.probe.sources import Sources
from teacherspec.runtime.atomic_io import read_json, write_json
from teacherspec.spec.probe.probe import Probe
from teacherspec.splits import load_prepared
from tests.pipeline.causal_lm.conftest import DECLARED
from tests.pipeline.causal_lm.toys import lm_base, task
from tests.pipeline.test_metric_names import numbers
from tests.toys import language_pipeline
from tests.toys.trained_language_model import ROLES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def probed(
    pipeline_run: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Stages, dict[str, Any], list[str]]:
    """Stages with a probe of a student that exists and a smaller one, its numbers and printed lines."""
    place = tmp_path_factory.mktemp("probe")
    shutil.copytree(pipeline_run.stages.reports, place / "reports")
    shutil.copytree(pipeline_run.stages.artifacts, place / "artifacts", symlinks=True)
    stages = Stages(place / "artifacts", place / "reports")
    source = {"kind": "path", "folder": str(lm_base(place / "student", "gpt2")), "outside_repository": True}
    students = [
        {"kind": "pretrained_lm", "source": source, "epochs": 4, "learning_rate": 0.01},
        {"kind": "small_llama", "layers": 1, "heads": 2, "width": 16, "epochs": 4, "learning_rate": 0.02},
    ]
    declared = {
        "students": students, "temperatures": [1.0], "weights": [0.5], "seeds": 2, "budgets": [0.25],
    }  # fmt: skip
    section = Probe.model_validate_json(json.dumps(declared))
    write_json(place / "fit.json", {"parameters": {"total": 1}})
    sources = Sources(load_prepared(stages.prepared), ["prompt"], stages.artifacts)
    printed = list(run_probe(section, sources, place / "fit.json", place / "out", stages.reports / "probe"))
    return stages, read_json(stages.reports / "probe/metrics.json"), printed


def test_students_learn_the_toy_and_the_numbers_are_those_that_gates_may_name(
    probed: tuple[Stages, dict[str, Any], list[str]],
) -> None:
    _, metrics, printed = probed
    assert numbers(metrics, "probe") <= probe_names("generation", ROLES, 2, 1).all
    assert probe_names("generation", ROLES, 2, 1).always <= numbers(metrics, "probe")
    for student in (metrics, metrics["further"]["student_2"]):
        assert student["test"]["taught"]["accuracy"] > 0.5
    assert printed[0].startswith("warning: probe.students: pretrained_lm has ")


def test_a_student_that_exists_ranks_the_teachers_answers(
    probed: tuple[Stages, dict[str, Any], list[str]],
) -> None:
    ranks = probed[1]["student"]["rank_surprisal"]
    assert ranks["answers"] == 20
    assert 1 <= ranks["rank"] <= 100
    assert ranks["ratio"]["low"] <= ranks["rank"] / ranks["surprisal"] <= ranks["ratio"]["high"]
    assert "rank_surprisal" not in probed[1]["further"]["student_2"]["student"]


def test_the_card_states_the_worth_and_the_package_passes_its_own_checks(
    probed: tuple[Stages, dict[str, Any], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gates = [{"metric": "probe.test.lift", "at_least": -1.0, "tested": "bound"}]
    teacher = language_pipeline.packaged(probed[0], task(**DECLARED["llama"]), tmp_path, gates=gates)
    card = (teacher / "README.md").read_text()
    assert "## Worth to a student" in card
    assert "20 answers of the teacher have the mean rank" in card
    assert [check for check in verify(teacher) if check.problems] == []
