"""The one table of what a package holds, how it is checked and what its card shows, by output type."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.package.card import gain
from teacherspec.package.card.usage_snippets import calibrated_code
from teacherspec.package.classification import card as classification_card
from teacherspec.package.classification import golden as classification_golden
from teacherspec.package.classification import next_steps as classification_next_steps
from teacherspec.package.classification import page as classification_page
from teacherspec.package.classification import soft_targets as classification_targets
from teacherspec.package.classification import target_statistics as classification_statistics
from teacherspec.package.classification import verify as classification_verify
from teacherspec.package.generation import card as generation_card
from teacherspec.package.generation import golden as generation_golden
from teacherspec.package.generation import page as generation_page
from teacherspec.package.generation import soft_targets as generation_targets
from teacherspec.package.generation import target_statistics as generation_statistics
from teacherspec.package.generation import verify as generation_verify
from teacherspec.package.golden_examples import GoldenOutputs
from teacherspec.package.multi_label import card as multi_label_card
from teacherspec.package.multi_label import golden as multi_label_golden
from teacherspec.package.multi_label import page as multi_label_page
from teacherspec.package.multi_label import soft_targets as multi_label_targets
from teacherspec.package.multi_label import target_statistics as multi_label_statistics
from teacherspec.package.multi_label import usage as multi_label_usage
from teacherspec.package.multi_label import verify as multi_label_verify
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.package.page import reliability, worth
from teacherspec.package.page.content import Headline, Section
from teacherspec.package.page.next_steps import Rule
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.regression import card as regression_card
from teacherspec.package.regression import golden as regression_golden
from teacherspec.package.regression import page as regression_page
from teacherspec.package.regression import soft_targets as regression_targets
from teacherspec.package.regression import target_statistics as regression_statistics
from teacherspec.package.regression import verify as regression_verify
from teacherspec.package.retrieval import card as retrieval_card
from teacherspec.package.retrieval import golden as retrieval_golden
from teacherspec.package.retrieval import page as retrieval_page
from teacherspec.package.retrieval import soft_targets as retrieval_targets
from teacherspec.package.retrieval import target_statistics as retrieval_statistics
from teacherspec.package.retrieval import verify as retrieval_verify
from teacherspec.package.soft_targets_metadata import SoftTargets
from teacherspec.package.stage_outputs import StageOutputs
from teacherspec.package.tagging import card as tagging_card
from teacherspec.package.tagging import golden as tagging_golden
from teacherspec.package.tagging import page as tagging_page
from teacherspec.package.tagging import soft_targets as tagging_targets
from teacherspec.package.tagging import target_statistics as tagging_statistics
from teacherspec.package.tagging import verify as tagging_verify
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind


@dataclass(frozen=True)
class PackagedOutputs:
    """What depends on the output type of the task.

    Attributes:
        golden_mismatch: which golden output differs from what `evaluate` predicted, or None.
        write_targets: writes `distill/`; returns split name → number of soft targets.
        targets_text: from what `metadata.json` says of them to the card of `distill/`, below its head.
        target_statistics: from a package and its splits to numbers on what lies in `distill/`.
        check_labels: problems with the names or ids of outputs.
        check_targets: soft targets that the packaged model does not compute.
        check_calibration: a calibrator that does not give the loss it was saved with.
        card_sections: results for the model card, in their order.
        model_index: (split, metric type, metric name, dotted name) of the results in the `model-index`.
        page_headlines: the first numbers of the page.
        page_sections: its sections, that on quality first.
        next_steps: rules of what to do next.
        calibrated_code: from the kind of calibrator to the lines on the card from logits to probabilities.
        card_gain: what fine-tuning gained, for the card; by default in accuracy and NLL.
        page_gain: the same for the page.
        page_calibration: the section of the page on calibration; by default of probabilities.
    """

    golden_mismatch: Callable[[PackageInputs, GoldenOutputs], str | None]
    write_targets: Callable[[PackageInputs], dict[str, int]]
    targets_text: Callable[[SoftTargets], str]
    target_statistics: Callable[[Path, Sequence[str]], dict[str, Any]]
    check_labels: Callable[[OpenedPackage], Iterator[str]]
    check_targets: Callable[[OpenedPackage], Iterator[str]]
    check_calibration: Callable[[OpenedPackage], Iterator[str]]
    card_sections: Callable[[StageOutputs], Sequence[str]]
    model_index: Callable[[StageOutputs], Sequence[tuple[str, str, str, str]]]
    page_headlines: Callable[[PageInputs], Iterable[Headline]]
    page_sections: Callable[[PageInputs], Sequence[Section]]
    next_steps: Sequence[Rule]
    calibrated_code: Callable[[str], str] = calibrated_code
    card_gain: Callable[[Kind, StageOutputs], str] = gain.gain_section
    page_gain: Callable[[PageInputs], Section] = worth.gain_section
    page_calibration: Callable[[PageInputs], Section] = reliability.calibration_section


OUTPUT_TYPES: Mapping[OutputType, PackagedOutputs] = {
    "classification": PackagedOutputs(
        classification_golden.golden_mismatch,
        classification_targets.write_targets,
        lambda _: classification_targets.TEXT,
        classification_statistics.target_statistics,
        classification_verify.check_labels,
        classification_verify.check_targets,
        classification_verify.check_calibration,
        classification_card.card_sections,
        classification_card.model_index,
        classification_page.headlines,
        classification_page.sections,
        classification_next_steps.RULES,
    ),
    "generation": PackagedOutputs(
        generation_golden.golden_mismatch,
        generation_targets.write_targets,
        generation_targets.card_text,
        generation_statistics.target_statistics,
        generation_verify.check_labels,
        generation_verify.check_targets,
        generation_verify.check_calibration,
        generation_card.card_sections,
        generation_card.model_index,
        generation_page.headlines,
        generation_page.sections,
        generation_page.RULES,
    ),
    "multi_label": PackagedOutputs(
        multi_label_golden.golden_mismatch,
        multi_label_targets.write_targets,
        lambda _: multi_label_targets.TEXT,
        multi_label_statistics.target_statistics,
        multi_label_verify.check_labels,
        multi_label_verify.check_targets,
        multi_label_verify.check_calibration,
        multi_label_card.card_sections,
        multi_label_card.model_index,
        multi_label_page.headlines,
        multi_label_page.sections,
        (),
        multi_label_usage.calibrated_code,
    ),
    "regression": PackagedOutputs(
        regression_golden.golden_mismatch,
        regression_targets.write_targets,
        lambda _: regression_targets.TEXT,
        regression_statistics.target_statistics,
        regression_verify.check_labels,
        regression_verify.check_targets,
        regression_verify.check_calibration,
        regression_card.card_sections,
        regression_card.model_index,
        regression_page.headlines,
        regression_page.sections,
        (),
        card_gain=lambda _, outputs: regression_card.gain_section(outputs),
        page_gain=regression_page.gain_section,
        page_calibration=regression_page.calibration_section,
    ),
    "retrieval": PackagedOutputs(
        retrieval_golden.golden_mismatch,
        retrieval_targets.write_targets,
        lambda _: retrieval_targets.TEXT,
        retrieval_statistics.target_statistics,
        retrieval_verify.check_labels,
        retrieval_verify.check_targets,
        retrieval_verify.check_calibration,
        retrieval_card.card_sections,
        retrieval_card.model_index,
        retrieval_page.headlines,
        retrieval_page.sections,
        (),
    ),
    "tagging": PackagedOutputs(
        tagging_golden.golden_mismatch,
        tagging_targets.write_targets,
        lambda _: tagging_targets.TEXT,
        tagging_statistics.target_statistics,
        tagging_verify.check_labels,
        tagging_verify.check_targets,
        tagging_verify.check_calibration,
        tagging_card.card_sections,
        tagging_card.model_index,
        tagging_page.headlines,
        tagging_page.sections,
        tagging_page.RULES,
    ),
}
"""Output type → its functions."""
