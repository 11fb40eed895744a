"""The pipeline of a new repository is this project's, with versions in place of folders of code."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from teacherspec.init.pipeline import pipeline, versions
from teacherspec.run_records.dvc_yaml import lookup, stages_in

OWN = Path(__file__).parents[3] / "dvc.yaml"


def load(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize("stage", load(OWN.read_text())["stages"])
def test_a_stage_keeps_all_but_the_code(stage: str) -> None:
    own, new = (load(text)["stages"][stage] for text in (OWN.read_text(), pipeline()))
    for key in ("cmd", "outs", "metrics", "plots"):
        assert own.get(key) == new.get(key)
    assert new["deps"] == [dep for dep in own["deps"] if not dep.startswith("teacherspec/")]
    sections = [param for param in own["params"] if isinstance(param, str)]
    assert [param for param in new["params"] if isinstance(param, str)] == sections


def test_every_entry_that_a_stage_names_is_in_versions() -> None:
    stages = stages_in(load(pipeline()), {"task": {"kind": "text_classification"}, "prepare": {"data": "d"}})
    stated = load(versions())
    keys = {name: stage.params["versions.yaml"] for name, stage in stages.items()}
    assert all(isinstance(lookup(stated, key), str | list) for found in keys.values() for key in found)
    assert {f"code.{name}" for name in stages} <= {key for found in keys.values() for key in found}
    assert "tasks.text_classification" in keys["finetune"]
    assert "pins.model" in keys["finetune"]
