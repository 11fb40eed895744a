"""Rules on evaluation and calibration."""

from collections.abc import Iterator

from teacherspec.check.declaration import Spec
from teacherspec.check.parsing.yaml_scalars import did_you_mean, listed
from teacherspec.check.rule import Finding, Rule
from teacherspec.check.supported import SUPPORTED
from teacherspec.metric_names.perturbations import perturbation_names


def slices_have_their_columns(spec: Spec) -> Iterator[Finding]:
    """A slice by column needs the column among the prepared rows."""
    keep_columns = spec.prepare.keep_columns
    for index, declared in enumerate(spec.evaluate.slices):
        if declared.kind == "column" and declared.column not in keep_columns:
            what = f"prepare keeps no such column (given {declared.column}; "
            what += f"allowed {listed(keep_columns)}" if keep_columns else "name it in prepare.keep_columns"
            where = ("evaluate", "slices", index, "column")
            yield Finding(where, f"{what}{did_you_mean(declared.column, keep_columns)})")


def perturbations_fit_the_rows(spec: Spec) -> Iterator[Finding]:
    """A perturbation changes a kind of content that the task's rows have."""
    known = perturbation_names(spec.task.row_schema())
    for index, name in enumerate(spec.evaluate.perturbations or ()):
        if name not in known:
            what = f"a {spec.task.kind} row cannot be perturbed so (given {name}; allowed {listed(known)}"
            yield Finding(("evaluate", "perturbations", index), f"{what}{did_you_mean(name, known)})")


def output_type_supports_the_measurement(spec: Spec) -> Iterator[Finding]:
    """Not every output type has answers to write, slices and perturbations."""
    supported, kind = SUPPORTED[spec.task.output_type], spec.task.kind
    if spec.evaluate.generation is not None and not supported.answers:
        yield Finding(("evaluate", "generation"), f"a {kind} task writes no answers: drop it")
    declares_slices = "slices" in spec.evaluate.model_fields_set and spec.evaluate.slices
    if declares_slices and not supported.slices:
        yield Finding(("evaluate", "slices"), f"a {kind} task has no slices yet: drop it")
    if spec.evaluate.perturbations and not supported.perturbations:
        where = ("evaluate", "perturbations")
        yield Finding(where, f"a {kind} task is not measured under perturbations yet: drop it")


def output_type_supports_the_calibration(spec: Spec) -> Iterator[Finding]:
    """Tokens and candidate sets are calibrated by one temperature; the other methods need classes."""
    supported = SUPPORTED[spec.task.output_type]
    given, allowed = spec.calibrate.method.kind, supported.calibration
    if spec.calibrate.abstain is not None and not supported.abstention:
        yield Finding(
            ("calibrate", "abstain"), f"only a classifier abstains, no {spec.task.kind} task: drop it"
        )
    if spec.calibrate.thresholds is not None and not supported.thresholds:
        what = f"only rows with several labels have thresholds, no {spec.task.kind} task: drop it"
        yield Finding(("calibrate", "thresholds"), what)
    if allowed is not None and given not in allowed:
        of = "scores" if given == "conformal" else "classes"
        what = f"{given} is for {of} (allowed for a {spec.task.kind} task: {', '.join(allowed)})"
        yield Finding(("calibrate", "method", "kind"), what)


def calibration_rows_are_predicted(spec: Spec) -> Iterator[Finding]:
    """Rows out of fold need classes, and the models that predict them."""
    if spec.calibrate.rows == "calibration":
        return
    where, kind = ("calibrate", "rows"), spec.task.kind
    if not SUPPORTED[spec.task.output_type].abstention:
        yield Finding(where, f"only classifiers have rows out of fold, no {kind} task: drop it")
    elif not spec.finetune.cross_fit:
        yield Finding(where, "no rows are predicted out of fold: declare finetune.cross_fit: true")


RULES = (
    Rule(("prepare", "evaluate"), slices_have_their_columns),
    Rule(("task", "evaluate"), perturbations_fit_the_rows),
    Rule(("task", "evaluate"), output_type_supports_the_measurement),
    Rule(("task", "calibrate"), output_type_supports_the_calibration),
    Rule(("task", "finetune", "calibrate"), calibration_rows_are_predicted),
)
