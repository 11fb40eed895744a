"""`dvc.yaml` tells the truth about the code and the params of every stage."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from teacherspec.road.links import doors, kinds_of_task, real_code, wrong_links
from teacherspec.road.stages import ROAD, differences, read_stages, sections_read
from teacherspec.run_records.dvc_yaml import read_road
from teacherspec.run_records.receipt import receipt_path, sums_path
from teacherspec.tasks import KINDS

ROOT = Path(__file__).parents[2]

STAGES = {stage.name: stage for stage in read_stages(ROOT)}


def test_the_road_is_the_stages_in_order() -> None:
    assert list(STAGES) == ["prepare", "base", "finetune", "evaluate", "calibrate", "ratings", "package"]


def test_declared_code_is_imported_code() -> None:
    found = differences(ROOT)
    assert not found, "\n".join(map(str, found))


def test_links_to_the_code_are_right_and_committed() -> None:
    found = wrong_links(ROOT)
    assert not found, "\n".join([*found, "mend with `python -m teacherspec deps --write`"])
    links = {str(path.relative_to(ROOT)) for path in (ROOT / "code").glob("*/*")}
    told = subprocess.run(["git", "ls-files", "code"], capture_output=True, text=True, cwd=ROOT)
    if told.returncode == 0:
        assert links == set(told.stdout.split()), "run `git add code`"


def test_no_kind_bears_the_name_of_a_stage() -> None:
    assert not kinds_of_task(ROOT).keys() & doors(ROOT).keys(), "their folders below code/ would be one"


def test_every_kind_is_in_the_list() -> None:
    assert set(kinds_of_task(ROOT)) == {kind.model_fields["kind"].annotation.__args__[0] for kind in KINDS}


def test_no_code_asks_which_kind_it_has() -> None:
    """The name of a kind stands in its own module only, so that nothing can branch on it."""
    for kind, own in kinds_of_task(ROOT).items():
        users = [
            path.relative_to(ROOT).as_posix()
            for folder in ("teacherspec", "stages")
            for path in sorted((ROOT / folder).rglob("*.py"))
            if f'"{kind}"' in path.read_text(encoding="utf-8")
        ]
        assert users == [own]


@pytest.mark.parametrize("name", STAGES)
def test_declared_params_are_the_sections_the_door_reads(name: str) -> None:
    assert STAGES[name].sections == sections_read(ROOT, STAGES[name].door)


@pytest.mark.parametrize("name", STAGES)
def test_one_name_everywhere(name: str) -> None:
    assert STAGES[name].door == f"stages/{name}.py"


@pytest.mark.parametrize("door", sorted(path.name for path in (ROOT / "stages").glob("[!_]*.py")))
def test_doors_are_thin(door: str) -> None:
    text = (ROOT / "stages" / door).read_text()
    assert len(text.splitlines()) < 50
    assert "declared(Declared)" in text
    assert "@plain_errors()\n@recorded()\ndef main" in text


@pytest.mark.parametrize("name", STAGES)
def test_a_dropped_dependency_is_missed(name: str, tmp_path: Path) -> None:
    for folder in ("stages", "teacherspec"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    head, stage, tail = (ROOT / ROAD).read_text().partition(f"\n  {name}:\n")
    dropped = max(STAGES[name].code)
    (tmp_path / ROAD).write_text(head + stage + re.sub(rf"\n +- {re.escape(dropped)}\n", "\n", tail, count=1))
    assert {difference.stage: difference.missing for difference in differences(tmp_path)} == {
        name: (dropped,)
    }


def test_calibrate_knows_no_task_and_no_torch() -> None:
    code = real_code(ROOT, "stages/calibrate.py")
    assert not [file for file in code if file.startswith("teacherspec/tasks/")]
    assert not [file for file in code if "import torch" in (ROOT / file).read_text()]


def test_no_stage_depends_on_how_mistakes_are_explained() -> None:
    explaining = (
        "teacherspec/declaration/",
        "teacherspec/check/run.py",
        "teacherspec/check/cross_checks.py",
        "teacherspec/check/spec.py",
    )
    for stage in STAGES.values():
        assert not [file for file in real_code(ROOT, stage.door) if file.startswith(explaining)]


@pytest.mark.parametrize("name", ["finetune", "evaluate", "calibrate"])
def test_an_earlier_result_of_a_long_stage_comes_back_from_the_run_cache(name: str) -> None:
    """An `out` that is not cached switches the run cache of its stage off; a metric or plot does not."""
    declared = YAML(typ="safe", pure=True).load((ROOT / ROAD).read_text())["stages"][name]
    assert declared["outs"], "a stage without outs is never restored"
    assert not [out for out in declared["outs"] if not isinstance(out, str)]


def test_finetune_leaves_nothing_in_git_so_that_the_shared_run_cache_restores_it() -> None:
    declared = YAML(typ="safe", pure=True).load((ROOT / ROAD).read_text())["stages"]["finetune"]
    assert not {"metrics", "plots"} & declared.keys()


def test_no_param_bears_a_name_that_the_run_cache_of_dvc_leaves_out() -> None:
    """DVC strips `size` and `nfiles` from the key of a run: another value would bring back an old result."""

    def names(node: object) -> set[str]:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        own = set(node.get("properties", ())) if isinstance(node, dict) else set()
        return own.union(*map(names, children))

    found = names(json.loads((ROOT / "params.schema.json").read_text()))
    assert "learning_rate" in found
    assert not found & {"size", "nfiles"}


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_leaves_its_receipt(name: str) -> None:
    stage = read_road(ROOT)[name]
    assert {receipt_path(name), sums_path(name)} <= set(stage.cached)
