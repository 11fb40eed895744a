"""Rules on the package and its gates."""

from collections.abc import Iterator

from teacherspec.check.declaration import Spec
from teacherspec.check.parsing.yaml_scalars import did_you_mean, listed
from teacherspec.check.rule import Finding, Rule, split_roles
from teacherspec.check.supported import SUPPORTED
from teacherspec.metric_names.by_output_type import reported_names
from teacherspec.metric_names.perturbations import perturbation_names
from teacherspec.metric_names.probe import probe_names
from teacherspec.metric_names.ranges import limits_of


def gates_are_measured(spec: Spec) -> Iterator[Finding]:
    """A gate names a number that a stage will report for these splits and perturbations."""
    perturbations = spec.evaluate.perturbations
    if perturbations is None:
        perturbations = tuple(perturbation_names(spec.task.row_schema()))
    roles = split_roles(spec.prepare)
    probed = probe_names(spec.task.output_type, roles, len(spec.probe.students), len(spec.probe.budgets))
    known = (reported_names(spec.task.output_type, roles, perturbations) | probed).all
    for index, gate in enumerate(spec.package.gates):
        if gate.metric not in known:
            what = f"no stage measures {gate.metric} (measured are {listed(sorted(known))}"
            yield Finding(("package", "gates", index, "metric"), f"{what}{did_you_mean(gate.metric, known)})")


def gates_can_be_passed(spec: Spec) -> Iterator[Finding]:
    """The limit of a gate is a value that its metric can have."""
    for index, gate in enumerate(spec.package.gates):
        if (limits := limits_of(gate.metric)) is None:
            continue
        low, high = limits
        for name, limit in (("at_least", gate.at_least), ("at_most", gate.at_most)):
            if limit is not None and not low <= limit <= high:
                share = f"; did you mean {limit / 100:g}?" if high < limit <= 100 * high else ""
                what = f"{gate.metric} lies between {low:g} and {high:g} (given {limit:g}){share}"
                yield Finding(("package", "gates", index, name), what)


def gates_have_their_trainings(spec: Spec) -> Iterator[Finding]:
    """Numbers over seeds, and numbers out of fold, need the trainings that give them."""
    for index, gate in enumerate(spec.package.gates):
        where = ("package", "gates", index, "metric")
        if gate.metric.startswith("evaluate.seeds.") and spec.finetune.seeds is None:
            yield Finding(where, f"{gate.metric} needs several trainings: declare finetune.seeds, such as 5")
        if "out_of_fold" in gate.metric and not spec.finetune.cross_fit:
            yield Finding(where, f"{gate.metric} needs models of folds: declare finetune.cross_fit: true")


def soft_targets_are_splits(spec: Spec) -> Iterator[Finding]:
    """Soft targets are taken from splits that `prepare` makes."""
    splits = [name for name in split_roles(spec.prepare) if name != "test"]
    for index, name in enumerate(spec.package.soft_targets):
        if name not in splits:
            what = f"prepare makes no such split (given {name}; allowed {listed(splits)}"
            yield Finding(("package", "soft_targets", index), f"{what}{did_you_mean(name, splits)})")


def token_options_need_tokens(spec: Spec) -> Iterator[Finding]:
    """Options of tokens and vocabulary need a teacher that generates text."""
    if SUPPORTED[spec.task.output_type].tokens:
        return
    what = f"a {spec.task.kind} teacher predicts no tokens (language models do): drop it"
    for name in ("top_k", "sampled_tokens", "trim_vocabulary", "student"):
        if getattr(spec.package, name) is not None:
            yield Finding(("package", name), what)
    if spec.evaluate.top_k is not None:
        yield Finding(("evaluate", "top_k"), what)


RULES = (
    Rule(("task", "prepare", "evaluate", "probe", "package"), gates_are_measured),
    Rule(("package",), gates_can_be_passed),
    Rule(("finetune", "package"), gates_have_their_trainings),
    Rule(("prepare", "package"), soft_targets_are_splits),
    Rule(("task", "evaluate", "package"), token_options_need_tokens),
)
