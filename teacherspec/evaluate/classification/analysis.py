"""Everything that is measured of a classifier's predictions, before any of it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from teacherspec.evaluate.classification.declared_slices import declared_feature
from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.classification.findings import Shift, all_findings
from teacherspec.evaluate.classification.label_errors import (
    Example,
    LabelSuspect,
    hard_examples,
    label_suspects,
)
from teacherspec.evaluate.classification.metrics import quality
from teacherspec.evaluate.classification.out_of_fold import load_out_of_fold, out_of_fold_metrics
from teacherspec.evaluate.classification.untrained_base import classification_gain, opponent
from teacherspec.evaluate.context import EvaluationContext
from teacherspec.evaluate.finding import Finding
from teacherspec.evaluate.gain import gain_findings
from teacherspec.evaluate.robustness import Robustness, measure_robustness
from teacherspec.evaluate.seeds import SeedScore, seed_findings, seed_metrics
from teacherspec.evaluate.slices import (
    SliceQuality,
    discover,
    measure_slices,
    single_slices,
    weakest_first,
)
from teacherspec.evaluation_rows.slice_features import SlicingFeature, by_label
from teacherspec.metrics.loss_ratio import loss_ratio
from teacherspec.metrics.multiple_testing import adjusted, fisher_exact
from teacherspec.metrics.scores.intervals import wilson_interval
from teacherspec.predictions.classification import Predictions
from teacherspec.spec.evaluate import Evaluate
from teacherspec.splits import UNLABELLED, Prepared

UNCHANGED = "it changes no row of test"
UNSEEN = ("validation", "calibration", "test")
"""Splits whose labels the weights were not fitted on, so that a wrong prediction can mean a wrong label."""


@dataclass(frozen=True)
class Analysis:
    """What the reports contain.

    Attributes:
        metrics: content of `metrics.json`, not rounded.
        test: the test split and its predictions.
        shifted: further sets of the same labels.
        slices: of the test split, the weakest first.
        robustness: of the test split.
        suspects: likely label errors.
        examples: misclassified and undecided rows of the test split.
        findings: sentences.
        seeds: scores of the model of each seed; empty for one training.
        out_of_fold: predictions of train rows by models that had not seen them; None without cross-fitting.
    """

    metrics: Mapping[str, Any]
    test: EvalTable
    shifted: Mapping[str, EvalTable]
    slices: Sequence[SliceQuality]
    robustness: Sequence[Robustness]
    suspects: Sequence[LabelSuspect]
    examples: Sequence[Example]
    findings: Sequence[Finding]
    seeds: Sequence[SeedScore] = ()
    out_of_fold: Predictions | None = None

    @property
    def weak_classes(self) -> frozenset[str]:
        """Names of the classes that are weak slices."""
        weak = {one.slice.name for one in self.slices if one.weak}
        return frozenset(name for name in self.test.label_names if f"label = {name}" in weak)


def analyse(
    context: EvaluationContext,
    predictions: Mapping[str, Predictions],
    untrained: Mapping[str, Predictions],
    tables: Mapping[str, EvalTable],
    perturbed: Mapping[str, tuple[Predictions, int]],
    seeds: Sequence[SeedScore] = (),
) -> Analysis:
    """Measure everything that follows from predictions.

    Args:
        context: what is measured.
        predictions: split name → predictions, of every split.
        untrained: the same of the untrained base, of every set that is reported.
        tables: the same with their rows, of every labelled split but `train`.
        perturbed: perturbation → predictions of the changed test rows, and how many rows changed.
        seeds: scores of the model of each seed.

    Raises:
        DataError: a column cannot be sliced as declared.
    """
    section, prepared, test = context.section, context.data, tables["test"]
    slices, _ = all_slices(section, test)
    robustness = measure_robustness(predictions["test"], perturbed, confidence=section.confidence)
    shifted = {split.name: tables[split.name] for split in prepared.of_role("shifted")}
    metrics = all_metrics(section, prepared, predictions, robustness)
    if unchanged := {name: UNCHANGED for name, (_, changed) in perturbed.items() if not changed}:
        metrics["robustness"]["not_measured"] = unchanged
    unseen = load_out_of_fold(context.paths.finetuned, predictions["train"])
    metrics |= out_of_fold_metrics(unseen, predictions["validation"], **context.intervals)
    metrics |= against_base(predictions, untrained, **context.intervals)
    metrics |= seed_metrics(seeds, section.confidence)
    findings = all_findings(
        test,
        gains=(
            *gain_findings(metrics, opponent(context)),
            *seed_findings(metrics, seeds, opponent(context)),
        ),
        slices=slices,
        robustness=robustness,
        shifts=compare_shifts(test, shifted, section.confidence),
        loss_ratio=metrics["loss_ratio"],
        loss_ratio_out_of_fold=metrics.get("loss_ratio_out_of_fold"),
        confidence=section.confidence,
        false_discovery_rate=section.false_discovery_rate,
    )
    return Analysis(
        metrics=metrics,
        test=test,
        shifted=shifted,
        slices=slices,
        robustness=robustness,
        suspects=label_suspects({name: tables[name] for name in UNSEEN}),
        examples=hard_examples(test),
        findings=findings,
        seeds=seeds,
        out_of_fold=unseen,
    )


def all_metrics(
    section: Evaluate,
    prepared: Prepared,
    predictions: Mapping[str, Predictions],
    robustness: Sequence[Robustness],
) -> dict[str, Any]:
    """Quality of every labelled split, rows of the others, loss ratio and robustness."""
    metrics: dict[str, Any] = {split.name: {"rows": split.rows} for split in prepared.of_role(*UNLABELLED)}
    for name in prepared.splits.keys() - metrics.keys():
        metrics[name] = quality(
            predictions[name], confidence=section.confidence, resamples=section.resamples, seed=section.seed
        )
    metrics["loss_ratio"] = loss_ratio(*(metrics[name]["nll"]["value"] for name in ("validation", "train")))
    metrics["robustness"] = {
        one.name: {"accuracy": asdict(one.accuracy), "flip_rate": asdict(one.flip_rate)} for one in robustness
    }
    return metrics


def against_base(
    predictions: Mapping[str, Predictions], untrained: Mapping[str, Predictions], **intervals: Any
) -> dict[str, Any]:
    """Quality of the untrained base, and what the teacher gained, on each set that is reported."""
    return {
        "base": {name: quality(found, **intervals) for name, found in untrained.items()},
        "gain": {
            name: classification_gain(predictions[name], found, **intervals)
            for name, found in untrained.items()
        },
    }


def all_slices(section: Evaluate, test: EvalTable) -> tuple[list[SliceQuality], int]:
    """Declared and discovered slices of the test split, and how many combinations discovery tested."""
    level = {"confidence": section.confidence, "false_discovery_rate": section.false_discovery_rate}
    features = [declared_feature(declared, test) for declared in section.slices]
    # Unsure answers are wrong more often in any model: tested in one family with the others, these certain
    # discoveries would raise the number of false ones.
    of_model = [feature for feature in features if feature.of_model]
    of_rows = [feature for feature in features if not feature.of_model]
    by_confidence = measure_slices(list(single_slices(of_model)), test.correct, "confidence", **level)
    declared = measure_slices(list(single_slices(of_rows)), test.correct, "declared", **level)
    discovered: list[SliceQuality] = []
    combinations = 0
    if section.discover_slices:
        candidates = {feature.name: feature for feature in (*automatic_features(test), *of_rows)}
        discovered, combinations = discover(
            list(candidates.values()), declared, test.correct, min_rows=section.min_slice_rows, **level
        )
    return weakest_first([*declared, *by_confidence, *discovered]), combinations


def automatic_features(table: EvalTable) -> list[SlicingFeature]:
    """Slicing features that any split has: label, content, and kept columns."""
    return [by_label(table.labels, table.label_names), *table.content.slicing_features()]


def compare_shifts(test: EvalTable, shifted: Mapping[str, EvalTable], confidence: float) -> list[Shift]:
    """Accuracy of each shifted set against the test split."""
    hits, rows = int(test.correct.sum()), len(test)
    counts = {name: (int(measured.correct.sum()), len(measured)) for name, measured in shifted.items()}
    p_values = [fisher_exact(right, total, hits, rows) for right, total in counts.values()]
    tests = zip(p_values, adjusted(p_values), strict=True)
    return [
        Shift(
            split=name,
            rows=total,
            accuracy=wilson_interval(right, total, confidence=confidence),
            test_accuracy=hits / rows,
            p_value=p_value,
            q_value=q_value,
        )
        for (name, (right, total)), (p_value, q_value) in zip(counts.items(), tests, strict=True)
    ]
