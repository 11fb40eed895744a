"""What an edit makes stale, asked of DVC itself on a copy of the repository."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.policy.pipeline_copy import PipelineCopy

OF_THE_TASK = ("check", "prepare", "base", "check_rows", "finetune", "evaluate", "probe", "package")
"""Everything that knows the kind of task."""

AFTER_EDIT = {
    # A package of one stage makes that stage alone stale: an edit of package/ leaves the others as they are.
    "teacherspec/check/cross_checks.py": ("check",),
    "teacherspec/prepare/run.py": ("prepare",),
    "teacherspec/base/run.py": ("base",),
    "teacherspec/check_rows/run.py": ("check_rows",),
    "teacherspec/finetune/train.py": ("finetune",),
    "teacherspec/evaluate/run.py": ("evaluate",),
    "teacherspec/calibrate/run.py": ("calibrate",),
    "teacherspec/probe/run.py": ("probe",),
    "teacherspec/ratings/run.py": ("ratings",),
    "teacherspec/package/run.py": ("package",),
    "stages/calibrate.py": ("calibrate",),
    # What is checked before the training and computed after it: no training.
    "teacherspec/evaluation_rows/slice_features.py": ("check_rows", "evaluate", "package"),
    # Plots never retrain.
    "teacherspec/plots/style.py": ("prepare", "evaluate", "calibrate", "probe"),
    # Another kind of task leaves this teacher as it is; its own kind does not.
    "teacherspec/tasks/causal_lm/task.py": ("check",),
    "teacherspec/tasks/text_classification/task.py": OF_THE_TASK,
    # A new option of a section: the stages that read the section.
    "teacherspec/spec/calibrate.py": ("check", "calibrate", "package"),
    "teacherspec/spec/probe/probe.py": ("check", "check_rows", "probe", "package"),
    "teacherspec/spec/finetune.py": ("check", "finetune", "package"),
    "teacherspec/spec/prepare/prepare.py": ("check", "prepare", "package"),
    # What only people and reviews run.
    "teacherspec/cli/main.py": (),
    "teacherspec/compare/compare.py": (),
    "teacherspec/export/registry.py": (),
    "teacherspec/release/rebuild.py": (),
    "teacherspec/run_records/receipt.py": (),
    "teacherspec/memory_plan/report.py": (),
}
"""File → the stages that a comment in it makes stale."""

AFTER_PARAM = {
    "task.max_length": OF_THE_TASK,
    "prepare.seed": ("check", "prepare", "package"),
    "base.license": ("check", "base", "package"),  # and what follows where the manifest changes
    "finetune.epochs": ("check", "finetune", "package"),
    "evaluate.batch_size": ("check", "check_rows", "evaluate", "ratings", "package"),
    "calibrate.method": ("check", "calibrate", "package"),
    "package.description": ("check", "check_rows", "package"),
    "probe.students": ("check", "check_rows", "probe", "package"),
    "fintune": ("check",),  # a misspelt section is refused by the one stage that sees it
}
"""Key of `params.yaml` → the stages that another value makes stale."""

AFTER_VERSION = {
    "data": (
        "prepare",
        "base",
        "check_rows",
        "finetune",
        "evaluate",
        "calibrate",
        "probe",
        "ratings",
        "package",
    ),
    "model": ("base", "check_rows", "finetune", "evaluate", "probe", "package"),
    "pipeline": (),
    "dev": (),
}
"""Group of libraries → the stages that another version makes stale."""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> PipelineCopy:
    return PipelineCopy(tmp_path_factory.mktemp("pipeline"))


def test_nothing_is_stale_before_an_edit(pipeline: PipelineCopy) -> None:
    assert pipeline.stale() == ()


def test_an_edit_of_code_makes_stale_the_stages_that_run_it(pipeline: PipelineCopy) -> None:
    assert {name: pipeline.after_comment(name) for name in AFTER_EDIT} == AFTER_EDIT


def test_an_edit_of_a_param_makes_stale_the_stages_that_read_its_section(pipeline: PipelineCopy) -> None:
    assert {key: pipeline.after_param(key, "another") for key in AFTER_PARAM} == AFTER_PARAM


def test_another_version_makes_stale_the_stages_that_declare_its_group(pipeline: PipelineCopy) -> None:
    assert {group: pipeline.after_version(group) for group in AFTER_VERSION} == AFTER_VERSION


def slow(*values: str) -> object:
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("stage", "line", "file"),
    [
        ("finetune", "teacherspec/tasks/${task.kind}", "teacherspec/tasks/text_classification/task.py"),
        slow("package", "teacherspec/package", "teacherspec/package/run.py"),
        slow("evaluate", "teacherspec/plots", "teacherspec/plots/style.py"),
        slow("calibrate", "teacherspec/spec/calibrate.py", "teacherspec/spec/calibrate.py"),
    ],
)
def test_a_dropped_dependency_gives_another_answer(
    pipeline: PipelineCopy, stage: str, line: str, file: str
) -> None:
    """The negative control: an edit behind a line that is missing goes unseen."""
    assert stage in pipeline.after_comment(file)
    with without(pipeline, stage, line):
        assert stage not in pipeline.after_comment(file)


@contextmanager
def without(pipeline: PipelineCopy, stage: str, line: str) -> Iterator[None]:
    """The pipeline without one line of a stage, everything up to date."""
    head, start, tail = (pipeline.root / "dvc.yaml").read_text().partition(f"\n  {stage}:\n")
    text = re.sub(rf"\n +- {re.escape(line)}\n", "\n", tail, count=1)
    assert text != tail, f"{stage} has no line {line}"
    with pipeline.edited("dvc.yaml", head + start + text):
        pipeline.commit()
        yield
    pipeline.commit()


def test_a_dropped_param_gives_another_answer(pipeline: PipelineCopy) -> None:
    with without(pipeline, "calibrate", "calibrate"):
        assert pipeline.after_param("calibrate.n_bins", 10) == ("check", "package")
    with without(pipeline, "calibrate", "dependency-groups.data"):
        assert "calibrate" not in pipeline.after_version("data")


def test_every_stage_waits_for_the_check(pipeline: PipelineCopy) -> None:
    """If the file of the check ever changed, everything after it would be stale."""
    with pipeline.edited("artifacts/check/valid.txt", "other"):
        assert {*pipeline.stale()} == {*OF_THE_TASK, "calibrate", "ratings"}
