"""Rules on where rows come from."""

from collections.abc import Iterator

from teacherspec.check.declaration import Spec
from teacherspec.check.parsing.yaml_scalars import did_you_mean, listed
from teacherspec.check.rule import Finding, Rule
from teacherspec.check.supported import SUPPORTED
from teacherspec.spec.prepare.split_names import TRANSFER
from teacherspec.tasks.shared.regression_task import RegressionTask
from teacherspec.text.packing import IGNORE_INDEX


def columns_belong_to_the_task(spec: Spec) -> Iterator[Finding]:
    """`columns` of a source renames columns of the task, so its keys are among them."""
    allowed = [
        "id",
        *(column.name for column in spec.task.row_schema().read_columns()),
        *spec.prepare.keep_columns,
    ]
    for index, source in enumerate(spec.prepare.sources):
        for name in source.columns:
            if name not in allowed:
                what = f"a {spec.task.kind} row has no such column (allowed {listed(allowed)}"
                where = ("prepare", "sources", index, "columns", name)
                yield Finding(where, f"{what}{did_you_mean(name, allowed)})")


def keep_columns_are_extra(spec: Spec) -> Iterator[Finding]:
    """`keep_columns` names extra columns: those of the task are stored anyway."""
    columns = [column.name for column in spec.task.row_schema().columns()]
    for index, name in enumerate(spec.prepare.keep_columns):
        if name in columns:
            yield Finding(
                ("prepare", "keep_columns", index), f"{name} is a column of the task, always kept: drop it"
            )


def scores_are_not_the_ignored_label(spec: Spec) -> Iterator[Finding]:
    """No score is the label that training leaves out."""
    scored = spec.task.capability(RegressionTask)
    if scored is not None and scored.range[0] <= IGNORE_INDEX <= scored.range[1]:
        low, high = scored.range
        what = f"a score of {IGNORE_INDEX} would be left out of training (given {low:g} to {high:g}"
        yield Finding(("task", "range"), f"{what}; use another scale, such as one from 0 on)")


def out_of_scope_rows_need_labels(spec: Spec) -> Iterator[Finding]:
    """Out-of-scope rows belong to no class, so the task must have classes."""
    if spec.task.row_schema().label is None:
        for index, source in enumerate(spec.prepare.sources):
            if source.role == "ood":
                what = f"a {spec.task.kind} task has no labels to be out of: use shifted"
                yield Finding(("prepare", "sources", index, "role"), what)


def stratified_rows_have_several_labels(spec: Spec) -> Iterator[Finding]:
    """Only labels of which a row may have several are stratified."""
    if spec.prepare.stratify_labels and spec.task.row_schema().label_set() is None:
        what = f"rows of a {spec.task.kind} task do not have several labels: drop it"
        yield Finding(("prepare", "stratify_labels"), what)


def transfer_rows_can_be_answered(spec: Spec) -> Iterator[Finding]:
    """Not every output type has rows that students alone can use."""
    if reason := SUPPORTED[spec.task.output_type].transfer:
        for index, source in enumerate(spec.prepare.sources):
            if source.role == TRANSFER:
                what = f"a {spec.task.kind} task cannot take transfer rows: {reason}"
                yield Finding(("prepare", "sources", index, "role"), what)


RULES = (
    Rule(("task", "prepare"), columns_belong_to_the_task),
    Rule(("task", "prepare"), keep_columns_are_extra),
    Rule(("task",), scores_are_not_the_ignored_label),
    Rule(("task", "prepare"), out_of_scope_rows_need_labels),
    Rule(("task", "prepare"), stratified_rows_have_several_labels),
    Rule(("task", "prepare"), transfer_rows_can_be_answered),
)
