"""What must hold between the sections of a declaration, each rule by itself.

No stage depends on this file, as on `teacherspec/check/run.py`.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from teacherspec.check.spec import Spec
from teacherspec.metric_names.by_output_type import reported_names
from teacherspec.metric_names.perturbations import perturbation_names
from teacherspec.spec.parsing.diagnostics import Where
from teacherspec.spec.parsing.yaml_scalars import did_you_mean, listed
from teacherspec.spec.prepare import Prepare
from teacherspec.spec.split_names import FIXED_SPLITS
from teacherspec.tasks.interfaces.capabilities import PairEmbeddings, RecordedViews, SupervisedLoss


class Finding(NamedTuple):
    """Two sections that do not fit: the place to mend, and what is wrong there."""

    where: Where
    what: str


class Rule(NamedTuple):
    """What must hold between sections; looked at as soon as these sections are right by themselves."""

    sections: tuple[str, ...]
    findings: Callable[[Spec], Iterator[Finding]]


def columns_belong_to_the_task(spec: Spec) -> Iterator[Finding]:
    """`columns` of a source renames columns of the task, so its keys are among them."""
    allowed = [
        "id",
        *(column.name for column in spec.task.row_schema().columns()),
        *spec.prepare.keep_columns,
    ]
    for index, source in enumerate(spec.prepare.sources):
        for name in source.columns:
            if name not in allowed:
                what = f"a {spec.task.kind} row has no such column (allowed {listed(allowed)}"
                where = ("prepare", "sources", index, "columns", name)
                yield Finding(where, f"{what}{did_you_mean(name, allowed)})")


def kept_columns_are_further_ones(spec: Spec) -> Iterator[Finding]:
    """A column of the task is kept anyway."""
    columns = [column.name for column in spec.task.row_schema().columns()]
    for index, name in enumerate(spec.prepare.keep_columns):
        if name in columns:
            yield Finding(
                ("prepare", "keep_columns", index), f"{name} is a column of the task, always kept: drop it"
            )


def losses_need_labels(spec: Spec) -> Iterator[Finding]:
    """Class weights, focal loss and label smoothing speak of classes; not every task has them."""
    if spec.task.row_schema().label is not None:
        return
    without = f"a {spec.task.kind} task has no labels"
    if spec.finetune.class_weights != "none":
        yield Finding(("finetune", "class_weights"), f"{without} to weigh: drop it")
    if spec.finetune.loss.kind == "focal":
        yield Finding(("finetune", "loss", "kind"), f"{without}, which focal loss needs: use cross_entropy")
    elif spec.finetune.loss.kind == "cross_entropy" and spec.finetune.loss.label_smoothing > 0:
        yield Finding(("finetune", "loss", "label_smoothing"), f"{without} to smooth: drop it")


def pairs_are_there(spec: Spec) -> Iterator[Finding]:
    """A contrastive loss needs pairs, each whole, and takes all texts as they come; pairs alone need it."""
    if spec.task.capability(SupervisedLoss) is None and spec.finetune.loss.kind != "contrastive":
        what = f"a {spec.task.kind} task has nothing but pairs to learn from: use contrastive"
        yield Finding(("finetune", "loss", "kind"), what)
    if spec.finetune.loss.kind == "contrastive":
        if spec.task.capability(PairEmbeddings) is None:
            what = f"a {spec.task.kind} task has no pairs to contrast: use cross_entropy"
            yield Finding(("finetune", "loss", "kind"), what)
        if spec.finetune.class_weights != "none":
            yield Finding(("finetune", "class_weights"), "a contrastive loss weighs no classes: drop it")
        if spec.finetune.augmentation is not None and spec.finetune.augmentation.mix is not None:
            what = "a contrastive loss needs images that are of one text: drop it"
            yield Finding(("finetune", "augmentation", "mix"), what)


def views_are_of_images_alone(spec: Spec) -> Iterator[Finding]:
    """Recorded views hold what a model says of an image without its texts."""
    if (
        spec.task.augments_images
        and spec.task.capability(RecordedViews) is None
        and spec.finetune.augmentation is not None
        and spec.finetune.augmentation.recorded_views
    ):
        where = ("finetune", "augmentation", "recorded_views")
        yield Finding(where, f"a {spec.task.kind} task records no views yet: drop it")


def weights_can_be_mixed(spec: Spec) -> Iterator[Finding]:
    """Fine-tuned weights are interpolated only with those that they started from."""
    if spec.finetune.weight_interpolation is None:
        return
    where = ("finetune", "weight_interpolation")
    if spec.task.has_new_head:
        yield Finding(where, f"a {spec.task.kind} task gets a new head, which the base lacks: drop it")
    if spec.base.init == "config":
        yield Finding(where, "a base without weights has none to interpolate with: drop it")


def a_head_is_there_to_learn(spec: Spec) -> Iterator[Finding]:
    """A linear probe comes first where the head is new and the backbone pre-trained and trained too."""
    if spec.finetune.linear_probe_first is None:
        return
    where, method = ("finetune", "linear_probe_first"), spec.finetune.method
    if not spec.task.has_new_head:
        yield Finding(where, f"a {spec.task.kind} task gets no new head to train first: drop it")
    elif spec.base.init == "config":
        yield Finding(where, "a base without weights has no features to protect from a new head: drop it")
    elif method.kind == "full" and method.freeze == "backbone":
        yield Finding(where, "only the head is trained anyway (method.freeze: backbone): drop it")


def cross_fitting_has_folds(spec: Spec) -> Iterator[Finding]:
    """Cross-fitting needs folds, and classes whose logits can be stored whole."""
    if spec.finetune.cross_fit:
        where = ("finetune", "cross_fit")
        if spec.task.row_schema().label is None:
            yield Finding(where, f"a {spec.task.kind} task has no class logits to store: drop it")
        if spec.prepare.folds is None:
            yield Finding(where, "there are no folds to fit on: declare prepare.folds, such as 5")


def words_and_pixels_keep_apart(spec: Spec) -> Iterator[Finding]:
    """Augmentation changes images, and no pooling of tokens is known for them."""
    if spec.task.augments_images:
        if spec.base.pooling != "first":
            yield Finding(("base", "pooling"), "is for encoders of text: drop it")
    elif spec.finetune.augmentation is not None:
        what = f"a {spec.task.kind} row holds no image to change: drop it"
        yield Finding(("finetune", "augmentation"), what)


def gates_are_measured(spec: Spec) -> Iterator[Finding]:
    """A gate names a number that a stage will report for these splits and perturbations."""
    perturbations = spec.evaluate.perturbations
    if perturbations is None:
        perturbations = tuple(perturbation_names(spec.task.row_schema()))
    known = reported_names(spec.task.output_type, _roles(spec.prepare), perturbations).all
    for index, gate in enumerate(spec.package.gates):
        if gate.metric not in known:
            what = f"no stage measures {gate.metric} (measured are {listed(sorted(known))}"
            yield Finding(("package", "gates", index, "metric"), f"{what}{did_you_mean(gate.metric, known)})")


def tokens_are_of_language_models(spec: Spec) -> Iterator[Finding]:
    """What is said of tokens and vocabulary needs a teacher that answers in words."""
    if spec.task.output_type == "generation":
        return
    for name in ("top_k", "sampled_tokens", "trim_vocabulary"):
        if getattr(spec.package, name) is not None:
            what = f"a {spec.task.kind} teacher predicts no tokens (language models do): drop it"
            yield Finding(("package", name), what)


def soft_targets_are_splits(spec: Spec) -> Iterator[Finding]:
    """Soft targets are taken from splits that `prepare` makes."""
    splits = [name for name in _roles(spec.prepare) if name != "test"]
    for index, name in enumerate(spec.package.soft_targets):
        if name not in splits:
            what = f"prepare makes no such split (given {name}; allowed {listed(splits)}"
            yield Finding(("package", "soft_targets", index), f"{what}{did_you_mean(name, splits)})")


def slices_have_their_columns(spec: Spec) -> Iterator[Finding]:
    """A slice by column needs the column beside the prepared rows."""
    kept = spec.prepare.keep_columns
    for index, declared in enumerate(spec.evaluate.slices):
        if declared.kind == "column" and declared.column not in kept:
            what = f"prepare keeps no such column (given {declared.column}; "
            what += f"allowed {listed(kept)}" if kept else "name it in prepare.keep_columns"
            where = ("evaluate", "slices", index, "column")
            yield Finding(where, f"{what}{did_you_mean(declared.column, kept)})")


def perturbations_fit_the_rows(spec: Spec) -> Iterator[Finding]:
    """A perturbation changes a kind of content that the task's rows have."""
    known = perturbation_names(spec.task.row_schema())
    for index, name in enumerate(spec.evaluate.perturbations or ()):
        if name not in known:
            what = f"a {spec.task.kind} row cannot be perturbed so (given {name}; allowed {listed(known)}"
            yield Finding(("evaluate", "perturbations", index), f"{what}{did_you_mean(name, known)})")


def answers_are_written(spec: Spec) -> Iterator[Finding]:
    """Only tasks that answer in words write answers; only classes are cut into slices."""
    words = spec.task.output_type == "generation"
    if spec.evaluate.generation is not None and not words:
        yield Finding(("evaluate", "generation"), f"a {spec.task.kind} task writes no answers: drop it")
    classes = spec.task.output_type == "classification"
    if not classes and "slices" in spec.evaluate.model_fields_set and spec.evaluate.slices:
        yield Finding(("evaluate", "slices"), f"a {spec.task.kind} task has no slices yet: drop it")


def perturbed_are_classes(spec: Spec) -> Iterator[Finding]:
    """What perturbation changes is told of classes alone."""
    if spec.task.output_type == "retrieval" and spec.evaluate.perturbations:
        where = ("evaluate", "perturbations")
        yield Finding(where, f"a {spec.task.kind} task is not measured under perturbations yet: drop it")


def methods_fit_the_form(spec: Spec) -> Iterator[Finding]:
    """Tokens and candidate sets are calibrated by one temperature; the richer methods need classes."""
    if spec.task.output_type != "classification" and spec.calibrate.method.kind not in (
        "temperature",
        "none",
    ):
        what = f"{spec.calibrate.method.kind} is for classes (allowed for a {spec.task.kind} task: "
        yield Finding(("calibrate", "method", "kind"), f"{what}temperature, none)")


def checkpoints_are_chosen_by_what_is_measured(spec: Spec) -> Iterator[Finding]:
    """The metric that chooses the checkpoint is one that the task measures."""
    given, known = spec.finetune.selection_metric, sorted(spec.task.selection_metrics)
    if given not in known:
        what = f"a {spec.task.kind} task does not measure it (given {given}; allowed {listed(known)}"
        yield Finding(("finetune", "selection_metric"), f"{what}{did_you_mean(given, known)})")


def scope_needs_labels(spec: Spec) -> Iterator[Finding]:
    """Rows that belong to no label need labels that they do not belong to."""
    if spec.task.row_schema().label is None:
        for index, source in enumerate(spec.prepare.sources):
            if source.role == "ood":
                what = f"a {spec.task.kind} task has no labels to be out of: use shifted"
                yield Finding(("prepare", "sources", index, "role"), what)


def pooling_is_of_use(spec: Spec) -> Iterator[Finding]:
    """Pooling sums up an input for a new head."""
    if spec.base.pooling != "first" and not spec.task.has_new_head:
        yield Finding(("base", "pooling"), f"a {spec.task.kind} task reads every token: drop it")


def _roles(prepare: Prepare) -> dict[str, str]:
    """Split name → role, of all splits that `prepare` will make."""
    further = {source.split: source.role for source in prepare.sources if source.role is not None}
    return {**{name: name for name in FIXED_SPLITS}, **further}


RULES = (
    Rule(("task", "prepare"), columns_belong_to_the_task),
    Rule(("task", "prepare"), kept_columns_are_further_ones),
    Rule(("task", "finetune"), losses_need_labels),
    Rule(("task", "finetune"), pairs_are_there),
    Rule(("task", "finetune"), views_are_of_images_alone),
    Rule(("task", "base", "finetune"), weights_can_be_mixed),
    Rule(("task", "base", "finetune"), a_head_is_there_to_learn),
    Rule(("task", "base", "finetune"), words_and_pixels_keep_apart),
    Rule(("task", "prepare", "finetune"), cross_fitting_has_folds),
    Rule(("prepare", "evaluate"), slices_have_their_columns),
    Rule(("task", "evaluate"), perturbations_fit_the_rows),
    Rule(("task", "evaluate"), answers_are_written),
    Rule(("task", "evaluate"), perturbed_are_classes),
    Rule(("task", "calibrate"), methods_fit_the_form),
    Rule(("task", "finetune"), checkpoints_are_chosen_by_what_is_measured),
    Rule(("task", "base"), pooling_is_of_use),
    Rule(("task", "prepare"), scope_needs_labels),
    Rule(("task", "prepare", "evaluate", "package"), gates_are_measured),
    Rule(("prepare", "package"), soft_targets_are_splits),
    Rule(("task", "package"), tokens_are_of_language_models),
)
