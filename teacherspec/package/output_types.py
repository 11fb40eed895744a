"""What a package holds and how it is checked, by the form of the task's predictions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.package.classification.soft_targets import OUT_OF_FOLD, pack_soft_targets
from teacherspec.package.classification.target_statistics import target_statistics
from teacherspec.package.classification.verify import wrong_calibration, wrong_soft_targets
from teacherspec.package.consistency_checks import check_labels
from teacherspec.package.generation.soft_targets import pack_token_targets
from teacherspec.package.generation.target_statistics import token_statistics
from teacherspec.package.generation.verify import (
    disagreeing_tokens,
    first_token_problem,
    wrong_token_calibration,
    wrong_token_targets,
)
from teacherspec.package.golden_examples import Strange, unlike_predictions
from teacherspec.package.package_reader import OpenedPackage
from teacherspec.package.retrieval.soft_targets import embedding_statistics, pack_embedding_targets
from teacherspec.package.retrieval.verify import (
    disagreeing_pairs,
    unlike_embeddings,
    wrong_pair_calibration,
)
from teacherspec.package.stage_outputs import StageOutputs, Stages
from teacherspec.predictions.classification import load_predictions
from teacherspec.predictions.retrieval import load_embedding_predictions
from teacherspec.spec.package import Package
from teacherspec.splits import Split
from teacherspec.tasks.interfaces.declaration import OutputType


@dataclass(frozen=True)
class PackageForm:
    """One form of predictions in a package.

    Attributes:
        strange: from the task and the folder of predictions to what compares golden logits with them.
        pack_targets: writes `distill/` and says how many soft targets each split has.
        statistics: from a package's folder and its splits to what lies in `distill/`.
        labels: what is wrong with the names or ids of outputs.
        targets: soft targets that the packaged model does not give.
        calibration: a calibrator that does not give the loss it was saved with.
    """

    strange: Callable[[Any, Path], Strange]
    pack_targets: Callable[[Any, Package, StageOutputs, Stages, Sequence[Split], Path], dict[str, int]]
    statistics: Callable[[Path, Sequence[str]], dict[str, Any]]
    labels: Callable[[OpenedPackage], Iterator[str]]
    targets: Callable[[OpenedPackage], Iterator[str]]
    calibration: Callable[[OpenedPackage], Iterator[str]]


def _unlike_logits(task: Any, evaluated: Path) -> Strange:  # noqa: ARG001
    return unlike_predictions(load_predictions(evaluated, "test"))


def _unlike_tokens(task: Any, evaluated: Path) -> Strange:
    def strange(processor: Any, picked: Any, rows: Sequence[dict[str, Any]], said: Any) -> str | None:
        del picked
        return first_token_problem(task, processor, evaluated, rows, said["logits"])

    return strange


def _unlike_embeddings(task: Any, evaluated: Path) -> Strange:  # noqa: ARG001
    return unlike_embeddings(load_embedding_predictions(evaluated, "test"))


def _pack_embedding_targets(
    task: Any,
    section: Package,  # noqa: ARG001
    outputs: StageOutputs,  # noqa: ARG001
    stages: Stages,
    splits: Sequence[Split],
    folder: Path,
) -> dict[str, int]:
    return pack_embedding_targets(splits, stages.evaluated, task.row_schema(), folder / "distill")


def _pack_class_targets(
    task: Any,
    section: Package,  # noqa: ARG001
    outputs: StageOutputs,
    stages: Stages,
    splits: Sequence[Split],
    folder: Path,
) -> dict[str, int]:
    crossed = stages.finetuned / OUT_OF_FOLD
    return pack_soft_targets(
        splits,
        stages.evaluated / "predictions",
        task.row_schema(),
        outputs.prepared.label_names,
        folder / "distill",
        crossed if crossed.is_file() else None,
    )


def _pack_token_targets(
    task: Any,
    section: Package,
    outputs: StageOutputs,  # noqa: ARG001
    stages: Stages,  # noqa: ARG001
    splits: Sequence[Split],
    folder: Path,
) -> dict[str, int]:
    return pack_token_targets(
        task, folder / "model", splits, section.top_k, section.sampled_tokens, folder / "distill"
    )


def _class_statistics(folder: Path, splits: Sequence[str]) -> dict[str, Any]:
    return {**target_statistics(folder / "distill", splits), "tokens": None}


FORMS: Mapping[OutputType, PackageForm] = {
    "classification": PackageForm(
        _unlike_logits,
        _pack_class_targets,
        _class_statistics,
        check_labels,
        wrong_soft_targets,
        wrong_calibration,
    ),
    "retrieval": PackageForm(
        _unlike_embeddings,
        _pack_embedding_targets,
        embedding_statistics,
        disagreeing_pairs,
        wrong_soft_targets,
        wrong_pair_calibration,
    ),
    "generation": PackageForm(
        _unlike_tokens,
        _pack_token_targets,
        token_statistics,
        disagreeing_tokens,
        wrong_token_targets,
        wrong_token_calibration,
    ),
}
"""One entry a form."""
