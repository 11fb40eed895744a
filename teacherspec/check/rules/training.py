"""Rules on the base and on fine-tuning."""

from collections.abc import Iterator

from teacherspec.check.declaration import Spec
from teacherspec.check.parsing.diagnostics import Where
from teacherspec.check.parsing.yaml_scalars import did_you_mean, listed
from teacherspec.check.rule import Finding, Rule
from teacherspec.tasks.shared.interfaces.capabilities import (
    PairEmbeddings,
    RecordedViews,
    RowLosses,
    SupervisedLoss,
)

BINARY = ("binary_cross_entropy", "asymmetric")
"""Losses with a term for each label of a row."""


def losses_need_labels(spec: Spec) -> Iterator[Finding]:
    """Class weights, focal loss and label smoothing need classes; not every task has them."""
    schema = spec.task.row_schema()
    if schema.label is not None or schema.label_set() is not None:
        return
    if spec.task.row_schema().token_labels() is not None:
        if spec.finetune.class_weights != "none":
            what = "classes of words cannot be weighed yet: drop it, or use loss: {kind: focal}"
            yield Finding(("finetune", "class_weights"), what)
        return
    without = f"a {spec.task.kind} task has no labels"
    if spec.finetune.class_weights != "none":
        yield Finding(("finetune", "class_weights"), f"{without} to weigh: drop it")
    if spec.task.capability(RowLosses) is not None:
        return  # see `scores_are_trained_by_their_own_loss`
    if spec.finetune.loss.kind == "focal":
        yield Finding(("finetune", "loss", "kind"), f"{without}, which focal loss needs: use cross_entropy")
    elif spec.finetune.loss.kind == "cross_entropy" and spec.finetune.loss.label_smoothing > 0:
        yield Finding(("finetune", "loss", "label_smoothing"), f"{without} to smooth: drop it")


def losses_fit_several_labels(spec: Spec) -> Iterator[Finding]:
    """Rows with several labels are learned by binary losses, and others by no such loss."""
    where, kind, loss = ("finetune", "loss", "kind"), spec.task.kind, spec.finetune.loss.kind
    if spec.task.row_schema().label_set() is None:
        if loss in BINARY:
            yield Finding(where, f"{loss} is for rows with several labels, not for a {kind} task: drop it")
        return
    if loss not in (*BINARY, "contrastive"):
        what = f"a {kind} row may have several labels: use {' or '.join(BINARY)} (given {loss}"
        yield Finding(where, f"{what}; focal loss is binary_cross_entropy with gamma)")
    if spec.finetune.class_weights != "none":
        what = "a row may have several classes: drop it, and declare loss.pos_weight to weigh labels"
        yield Finding(("finetune", "class_weights"), what)
    if spec.finetune.augmentation is not None and spec.finetune.augmentation.mix is not None:
        what = "images of several labels are not mixed yet: drop it"
        yield Finding(("finetune", "augmentation", "mix"), what)


def contrastive_loss_has_pairs(spec: Spec) -> Iterator[Finding]:
    """A contrastive loss needs pairs, unmixed and unweighted; a task that has only pairs needs it."""
    has_own_loss = spec.task.capability(SupervisedLoss) or spec.task.capability(RowLosses)
    if not has_own_loss and spec.finetune.loss.kind != "contrastive":
        what = f"a {spec.task.kind} task has only pairs to learn from: use contrastive"
        yield Finding(("finetune", "loss", "kind"), what)
    if spec.finetune.loss.kind == "contrastive" and spec.task.capability(RowLosses) is None:
        if spec.task.capability(PairEmbeddings) is None:
            plain = "cross_entropy" if spec.task.row_schema().label_set() is None else BINARY[0]
            what = f"a {spec.task.kind} task has no pairs to contrast: use {plain}"
            yield Finding(("finetune", "loss", "kind"), what)
        if spec.finetune.class_weights != "none":
            yield Finding(
                ("finetune", "class_weights"), "a contrastive loss has no classes to weigh: drop it"
            )
        if spec.finetune.augmentation is not None and spec.finetune.augmentation.mix is not None:
            what = "a contrastive loss needs unmixed images, of one text each: drop it"
            yield Finding(("finetune", "augmentation", "mix"), what)


def scores_are_trained_by_their_own_loss(spec: Spec) -> Iterator[Finding]:
    """Options that need classes, where a row has a score."""
    if spec.task.capability(RowLosses) is None:
        return
    what = f"a {spec.task.kind} task"
    finetune = spec.finetune
    if "loss" in finetune.model_fields_set:
        yield Finding(("finetune", "loss"), f"{what} is trained by the squared error of its scores: drop it")
    if finetune.linear_probe_first:
        where = ("finetune", "linear_probe_first")
        yield Finding(where, f"{what} has no classes for a linear probe to start from: drop it")
    if finetune.seeds is not None:
        yield Finding(("finetune", "seeds"), f"{what} is trained with one seed for now: drop it")


def label_columns_can_be_trained_on(spec: Spec) -> Iterator[Finding]:
    """What describes a row's label enters losses with a term a row, of unmixed rows."""
    schema = spec.task.row_schema()
    details = [column.name for column in schema.label_details]
    if not details or schema.label is None:
        return
    why = f"task.label_columns: {listed(details)}"
    if spec.finetune.loss.kind == "contrastive":
        what = (
            f"{why} is of single rows, and a contrastive loss is of pairs of rows: use cross_entropy or focal"
        )
        yield Finding(("finetune", "loss", "kind"), what)
    if spec.finetune.augmentation is not None and spec.finetune.augmentation.mix is not None:
        what = f"{why} is of single images, which cannot be mixed: drop it"
        yield Finding(("finetune", "augmentation", "mix"), what)


def recorded_views_are_supported(spec: Spec) -> Iterator[Finding]:
    """Recorded views hold the logits of augmented images alone."""
    if (
        spec.task.augments_images
        and spec.task.capability(RecordedViews) is None
        and spec.finetune.augmentation is not None
        and spec.finetune.augmentation.recorded_views
    ):
        where = ("finetune", "augmentation", "recorded_views")
        yield Finding(where, f"a {spec.task.kind} task records no views yet: drop it")


def weight_interpolation_has_two_ends(spec: Spec) -> Iterator[Finding]:
    """Fine-tuned weights are interpolated only with those that they started from."""
    if spec.finetune.weight_interpolation is None:
        return
    where = ("finetune", "weight_interpolation")
    if spec.task.has_new_head and not spec.finetune.linear_probe_first:
        what = "the new head starts from random weights: declare linear_probe_first: true, or drop it"
        yield Finding(where, what)
    if _starts_from_random_weights(spec):
        yield Finding(where, "a base without weights has none to interpolate with: drop it")


def linear_probe_has_a_head(spec: Spec) -> Iterator[Finding]:
    """A linear probe comes first where the head is new and the backbone pre-trained and trained too."""
    if not spec.finetune.linear_probe_first:
        return
    where, method = ("finetune", "linear_probe_first"), spec.finetune.method
    if not spec.task.has_new_head:
        yield Finding(where, f"a {spec.task.kind} task gets no new head to train first: drop it")
    elif spec.task.row_schema().token_labels() is not None:
        yield Finding(where, "the head of a task that labels words is not fitted first yet: drop it")
    elif _starts_from_random_weights(spec):
        yield Finding(where, "a base without weights has no features to protect from a new head: drop it")
    elif method.kind == "full" and method.freeze == "backbone":
        yield Finding(where, "only the head is trained anyway (method.freeze: backbone): drop it")


def head_learning_rate_has_a_head(spec: Spec) -> Iterator[Finding]:
    """The head's own learning rate needs a head."""
    if spec.finetune.head_learning_rate is not None and not spec.task.has_new_head:
        where = ("finetune", "head_learning_rate")
        yield Finding(where, f"a {spec.task.kind} task gets no new head: drop it")


def augmentation_and_pooling_fit_the_input(spec: Spec) -> Iterator[Finding]:
    """Augmentation is for images, pooling of tokens for texts."""
    if spec.task.augments_images:
        for place in _pooling_means(spec):
            yield Finding(place, "is for encoders of text: drop it")
    elif spec.finetune.augmentation is not None:
        what = f"a {spec.task.kind} row holds no image to change: drop it"
        yield Finding(("finetune", "augmentation"), what)


def cross_fitting_has_folds(spec: Spec) -> Iterator[Finding]:
    """Cross-fitting needs folds, and classes whose logits can be stored whole."""
    if spec.finetune.cross_fit:
        where = ("finetune", "cross_fit")
        if spec.task.row_schema().label is None:
            yield Finding(where, f"a {spec.task.kind} task has no class logits to store: drop it")
        if spec.prepare.folds is None:
            yield Finding(where, "there are no folds to fit on: declare prepare.folds, such as 5")


def seeds_vary_something(spec: Spec) -> Iterator[Finding]:
    """What changes with the seed is drawn at random at all, in more than one training."""
    finetune, where = spec.finetune, ("finetune", "seeds_vary")
    if finetune.seeds is None:
        if "seeds_vary" in finetune.model_fields_set:
            yield Finding(where, "there is one training: declare seeds, such as 5, or drop it")
        return
    if len(set(finetune.seeds_vary)) < len(finetune.seeds_vary):
        yield Finding(where, "names one more than once: drop it")
    if set(finetune.seeds_vary) == {"initial_weights"} and not _draws_weights(spec):
        what = "no weights are drawn at random here, so that all trainings would be the same: add data_order"
        yield Finding(where, what)


def teacher_is_trained(spec: Spec) -> Iterator[Finding]:
    """The declared teacher comes of the declared trainings, and a mean of models that began alike."""
    finetune, where = spec.finetune, ("finetune", "teacher")
    if finetune.teacher == "mean_of_folds":
        if not finetune.cross_fit:
            yield Finding(where, "there are no models of folds: declare cross_fit: true")
        if finetune.seeds is not None:
            what = "a mean of folds is no training on all rows, whose seeds could vary: drop one of both"
            yield Finding(("finetune", "seeds"), what)
    elif finetune.teacher != "first_seed" and finetune.seeds is None:
        yield Finding(where, f"{finetune.teacher} needs several trainings: declare seeds, such as 5")
    elif finetune.teacher == "mean_of_seeds" and _start_from_other_weights(spec):
        what = "models that start from other random weights have no useful mean: declare"
        yield Finding(where, f"{what} linear_probe_first: true, or seeds_vary: [data_order, dropout]")


def _start_from_other_weights(spec: Spec) -> bool:
    """Whether trainings start from weights that are no low-rank update of the same ones."""
    new_head = spec.task.has_new_head and not spec.finetune.linear_probe_first
    varies = "initial_weights" in spec.finetune.seeds_vary
    return varies and (new_head or _starts_from_random_weights(spec))


def _draws_weights(spec: Spec) -> bool:
    """Whether weights that the seed decides remain in the model when training begins."""
    new_head = spec.task.has_new_head and not spec.finetune.linear_probe_first
    return new_head or spec.finetune.method.kind == "lora" or _starts_from_random_weights(spec)


def selection_metric_is_measured(spec: Spec) -> Iterator[Finding]:
    """The metric that chooses the checkpoint is one that the task measures."""
    given, known = spec.finetune.selection_metric, sorted(spec.task.selection_metrics)
    if given not in known:
        what = f"a {spec.task.kind} task does not measure it (given {given}; allowed {listed(known)}"
        yield Finding(("finetune", "selection_metric"), f"{what}{did_you_mean(given, known)})")


def pooling_needs_a_new_head(spec: Spec) -> Iterator[Finding]:
    """Pooling sums up an input for a new head."""
    if not spec.task.has_new_head or spec.task.row_schema().token_labels() is not None:
        for place in _pooling_means(spec):
            yield Finding(place, f"a {spec.task.kind} task reads every token: drop it")


def portable_training_is_float32(spec: Spec) -> Iterator[Finding]:
    """Other arithmetic differs between types of CPU."""
    if spec.base.reproducibility == "portable" and spec.finetune.precision != "fp32":
        what = f"base.reproducibility: portable needs fp32 (given {spec.finetune.precision})"
        yield Finding(("finetune", "precision"), what)


def _starts_from_random_weights(spec: Spec) -> bool:
    return any(base.init == "config" for _, base in spec.base.placed())


def _pooling_means(spec: Spec) -> Iterator[Where]:
    """The places where another pooling than that of every architecture is declared."""
    return ((*place, "pooling") for place, base in spec.base.placed() if base.pooling != "first")


RULES = (
    Rule(("base", "finetune"), portable_training_is_float32),
    Rule(("task", "finetune"), losses_need_labels),
    Rule(("task", "finetune"), losses_fit_several_labels),
    Rule(("task", "finetune"), contrastive_loss_has_pairs),
    Rule(("task", "finetune"), scores_are_trained_by_their_own_loss),
    Rule(("task", "finetune"), label_columns_can_be_trained_on),
    Rule(("task", "finetune"), recorded_views_are_supported),
    Rule(("task", "base", "finetune"), weight_interpolation_has_two_ends),
    Rule(("task", "base", "finetune"), linear_probe_has_a_head),
    Rule(("task", "finetune"), head_learning_rate_has_a_head),
    Rule(("task", "base", "finetune"), augmentation_and_pooling_fit_the_input),
    Rule(("task", "prepare", "finetune"), cross_fitting_has_folds),
    Rule(("task", "base", "finetune"), seeds_vary_something),
    Rule(("task", "base", "finetune"), teacher_is_trained),
    Rule(("task", "finetune"), selection_metric_is_measured),
    Rule(("task", "base"), pooling_needs_a_new_head),
)
