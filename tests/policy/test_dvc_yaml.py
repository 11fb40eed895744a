"""`dvc.yaml` declares the code, the params and the libraries that each stage really uses."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from teacherspec.run_records.dvc_yaml import declared_stages
from teacherspec.run_records.receipt import receipt_path, sums_path
from teacherspec.tasks import KINDS
from tests.policy.declared_code import Pipeline
from tests.policy.imported_libraries import distributions_of, group_of_each_pin

ROOT = Path(__file__).parents[2]
PIPELINE = Pipeline(ROOT)
STAGES = (
    "check", "prepare", "base", "check_rows", "finetune", "evaluate", "calibrate", "probe", "ratings",
    "package",
)  # fmt: skip
CHECKED = "artifacts/check/valid.txt"

MOST_LINES_OF_CODE = 19
"""Lines of `deps` for code that a stage may have: borders are folders, no lists of files."""


def test_the_pipeline_is_the_stages_in_order() -> None:
    assert tuple(PIPELINE.stages) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_imported_code_is_declared(stage: str) -> None:
    assert PIPELINE.undeclared(stage) == set()


@pytest.mark.parametrize("stage", STAGES)
def test_declared_code_is_imported(stage: str) -> None:
    assert PIPELINE.unused(stage) == set()


@pytest.mark.parametrize("stage", STAGES)
def test_code_is_declared_by_folders(stage: str) -> None:
    code = [dep for dep in PIPELINE.stages[stage]["deps"] if dep.startswith(("stages/", "teacherspec/"))]
    assert len(code) <= MOST_LINES_OF_CODE
    assert code == sorted(code)
    files = {dep for dep in code if dep.endswith(".py")}
    assert files <= {f"stages/{stage}.py", *SINGLE_FILES, *(dep for dep in files if "/spec/" in dep)}


SINGLE_FILES = {"teacherspec/errors.py", "teacherspec/generated_answers.py", "teacherspec/splits.py"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_dropped_dependency_is_found(stage: str, tmp_path: Path) -> None:
    """The negative control: without its line, the code behind it is undeclared."""
    for folder in ("stages", "teacherspec"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    dropped = f"teacherspec/{stage}"
    head, start, tail = (ROOT / "dvc.yaml").read_text().partition(f"\n  {stage}:\n")
    lines = re.sub(rf"\n +- {dropped}\n", "\n", tail, count=1)
    (tmp_path / "dvc.yaml").write_text(head + start + lines)
    found = Pipeline(tmp_path)
    assert {file for file in found.undeclared(stage) if file.startswith(f"{dropped}/")}
    assert all(file.startswith(f"{dropped}/") for file in found.undeclared(stage))


def test_a_dependency_that_nothing_runs_is_found(tmp_path: Path) -> None:
    for folder in ("stages", "teacherspec"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    text = (ROOT / "dvc.yaml").read_text()
    more = text.replace(
        "      - stages/calibrate.py\n", "      - stages/calibrate.py\n      - teacherspec/release\n"
    )
    (tmp_path / "dvc.yaml").write_text(more)
    assert Pipeline(tmp_path).unused("calibrate") == {"teacherspec/release"}


def test_no_stage_package_imports_another() -> None:
    packages = {stage: f"teacherspec/{stage}/" for stage in STAGES}
    found = {
        (file, other)
        for stage, package in packages.items()
        for kind in PIPELINE.kinds
        for file in PIPELINE.used(stage, kind)
        for own in packages.values()
        if file.startswith(own)
        for other in PIPELINE.project.imports(file)
        for foreign in packages.values()
        if foreign != own and other.startswith(foreign)
    }
    assert found == set()


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "check"])
def test_declared_params_are_the_sections_that_the_entrypoint_reads(stage: str) -> None:
    assert PIPELINE.sections_declared(stage) == PIPELINE.sections_read(stage)


def test_check_depends_on_every_param_and_every_stage_on_check() -> None:
    assert PIPELINE.stages["check"]["params"] == [{"params.yaml": None}]
    assert PIPELINE.stages["check"]["outs"][0] == CHECKED
    for stage in STAGES[1:]:
        assert CHECKED in PIPELINE.stages[stage]["deps"], stage


def test_the_training_waits_for_the_check_of_what_follows_it() -> None:
    assert "artifacts/check_rows/valid.txt" in PIPELINE.stages["finetune"]["deps"]
    assert {"evaluate", "package"} <= PIPELINE.sections_declared("check_rows")
    assert not {"evaluate", "package"} & PIPELINE.sections_declared("finetune")


@pytest.mark.parametrize("stage", STAGES)
def test_one_name_everywhere(stage: str) -> None:
    assert f"python -m stages.{stage} " in PIPELINE.stages[stage]["cmd"]
    assert (ROOT / f"teacherspec/{stage}").is_dir()


def test_every_entrypoint_is_a_stage() -> None:
    assert {path.stem for path in (ROOT / "stages").glob("[!_]*.py")} == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_entrypoints_are_thin(stage: str) -> None:
    text = (ROOT / f"stages/{stage}.py").read_text()
    assert len(text.splitlines()) <= 55  # one line a section that is read
    assert "@report_user_errors()\n" in text
    # A stage that may restart itself records the run after that.
    recorded = "@record_run()\ndef main" in text or (
        "pin" in text and "    with record_run():\n        " in text
    )
    assert recorded


def test_every_kind_is_in_the_list() -> None:
    assert set(PIPELINE.kinds) == {kind.model_fields["kind"].annotation.__args__[0] for kind in KINDS}


def test_no_code_asks_which_kind_it_has() -> None:
    """The name of a kind stands in its own folder only, so that nothing can branch on it."""
    for kind in PIPELINE.kinds:
        users = {
            path.relative_to(ROOT).as_posix()
            for folder in ("teacherspec", "stages")
            for path in (ROOT / folder).rglob("*.py")
            if f'"{kind}"' in path.read_text(encoding="utf-8")
        }
        assert {user for user in users if not user.startswith(f"teacherspec/tasks/{kind}/")} == set()


def test_calibrate_knows_no_task_and_no_torch() -> None:
    code = PIPELINE.project.closure("stages/calibrate.py")
    assert not [file for file in code if file.startswith("teacherspec/tasks/")]
    assert not [file for file in code if "import torch" in (ROOT / file).read_text()]


def test_no_stage_but_check_depends_on_how_mistakes_are_explained() -> None:
    for stage in set(STAGES) - {"check"}:
        code = PIPELINE.project.closure(f"stages/{stage}.py")
        assert not [
            file for file in code if file.startswith(("teacherspec/spec/parsing/", "teacherspec/check/"))
        ]


CHANGES_NO_RESULT = {"pipeline", "dev"}
"""Groups whose libraries read, run and check the pipeline; no stage computes with them."""

WITHOUT_EFFECT = {
    ("prepare", "model"),  # imported in methods of the kinds of task that this stage never calls
    ("base", "reports"),  # huggingface_hub fetches what is then checked by hash
    *((stage, "gguf") for stage in STAGES if stage != "base"),  # what was converted is compared by hash
    ("check_rows", "language"),  # it looks for a pattern in texts and measures nothing
    ("check_rows", "reports"),
    ("finetune", "reports"),
    ("ratings", "model"),  # as for `prepare`
    ("ratings", "reports"),
}
"""Stage and group that its code imports, of which no result can depend."""


@pytest.mark.parametrize("stage", STAGES[1:])
def test_declared_groups_are_those_of_the_imported_libraries(stage: str) -> None:
    """A stage declares whole groups: a new version of one of their libraries makes it stale."""
    groups = group_of_each_pin(ROOT)
    files = frozenset[str]().union(*(PIPELINE.used(stage, kind) for kind in PIPELINE.kinds))
    imported = {groups[name] for file in files for name in distributions_of(ROOT / file) if name in groups}
    wanted = {group for group in imported - CHANGES_NO_RESULT if (stage, group) not in WITHOUT_EFFECT}
    assert declared_groups(stage) == wanted


def declared_groups(stage: str) -> set[str]:
    entries = [entry for entry in PIPELINE.stages[stage]["params"] if isinstance(entry, dict)]
    (keys,) = (entry["pyproject.toml"] for entry in entries)
    return {key.removeprefix("dependency-groups.") for key in keys}


def test_every_declared_group_is_there() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    assert {group for stage in STAGES[1:] for group in declared_groups(stage)} <= groups.keys()


@pytest.mark.parametrize("name", ["finetune", "evaluate", "calibrate"])
def test_an_earlier_result_of_a_long_stage_comes_back_from_the_run_cache(name: str) -> None:
    """An `out` that is not cached switches the run cache of its stage off; a metric or plot does not."""
    declared = PIPELINE.stages[name]
    assert declared["outs"], "a stage without outs is never restored"
    assert not [out for out in declared["outs"] if not isinstance(out, str)]


def test_finetune_leaves_nothing_in_git_so_that_the_shared_run_cache_restores_it() -> None:
    assert not {"metrics", "plots"} & PIPELINE.stages["finetune"].keys()


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
    stage = declared_stages(ROOT)[name]
    assert {receipt_path(name), sums_path(name)} <= set(stage.cached)
