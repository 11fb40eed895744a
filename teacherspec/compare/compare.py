"""Everything that changed between two revisions of a teacher, and what could not be compared."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import ValidationError

from teacherspec.compare.artifact_diff import ArtifactComparison
from teacherspec.compare.base_change import BaseChange, base_change
from teacherspec.compare.flips_and_slices import without_content
from teacherspec.compare.gate_changes import GateChange, gate_changes
from teacherspec.compare.merge_base import MissingCommits
from teacherspec.compare.params_diff import Change, environment_changed, params_changed
from teacherspec.compare.prediction_diff import PredictionDiff
from teacherspec.compare.report_curves import Curve, report_curves
from teacherspec.compare.reported_numbers import Number, numbers, reports_of
from teacherspec.compare.revision import Revision
from teacherspec.compare.seed_noise import SeedComparison, compare_seeds, with_seed_noise
from teacherspec.compare.stage_changes import StageBuild, stages_built
from teacherspec.errors import UserError
from teacherspec.prepare.dataset_diff import Changes


@dataclass(frozen=True)
class Image:
    """An image of the reports that differs; None where a side does not have it."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True)
class TeacherDiff:
    """The whole comparison.

    Attributes:
        base: title of the revision that is compared with.
        head: title of the other revision.
        missing_commits: commits of the base that the head revision lacks; None for none.
        params: changed leaves of the declaration.
        environment: changed pins.
        stages: which were rebuilt, and why.
        numbers: every number of the reports.
        gates: limits, and whether the numbers pass.
        same_predictions: predictions and calibration are the same bytes.
        predictions: paired tests, flips, classes and slices.
        data: changes of the prepared rows; None where they are the same, or could not be compared.
        same_data: the prepared rows are the same bytes.
        curves: of the reports that differ.
        images: of the reports that differ.
        not_compared: a sentence for everything that could not be compared, with what to do.
        seeds: metrics over several seeds, where a side declares some.
        another_base: the bases, where they differ.
    """

    base: str
    head: str
    missing_commits: MissingCommits | None
    params: tuple[Change, ...]
    environment: tuple[Change, ...]
    stages: tuple[StageBuild, ...]
    numbers: tuple[Number, ...]
    gates: tuple[GateChange, ...]
    same_predictions: bool
    predictions: PredictionDiff
    data: Changes | None
    same_data: bool
    curves: tuple[Curve, ...]
    images: tuple[Image, ...]
    not_compared: tuple[str, ...]
    seeds: tuple[SeedComparison, ...] = ()
    another_base: BaseChange | None = None


def compare(base: Revision, head: Revision, missing_commits: MissingCommits | None = None) -> TeacherDiff:
    """Compare two revisions from git, `dvc.lock` and the cache.

    Args:
        base: revision that is compared with, see `merge_base.compared_from`.
        head: the other revision.
        missing_commits: what `head` lacks of the base that the user named.

    Raises:
        UserError: a side has no `dvc.lock`, or it cannot be parsed.
    """
    problems = [
        f"{side.title}: no stage was built here: dvc.lock is absent or empty"
        for side in (base, head)
        if not side.stages
    ]
    if problems:
        raise UserError(problems)
    with ExitStack() as stack:
        artifacts = ArtifactComparison(base, head, stack)
        found = artifacts.compare()
    not_compared = artifacts.not_compared
    reported = numbers(reports_of(base), reports_of(head))
    seeds = compare_seeds(reported)
    return TeacherDiff(
        base=base.title,
        head=head.title,
        missing_commits=missing_commits,
        params=params_changed(base, head),
        environment=environment_changed(base, head),
        stages=stages_built(base, head),
        numbers=reported,
        gates=_gates(base, head, not_compared),
        same_predictions=found.same_predictions,
        predictions=replace(found.predictions, tests=with_seed_noise(found.predictions.tests, seeds)),
        data=found.data,
        same_data=found.same_data,
        curves=report_curves(base, head),
        images=tuple(_images(base, head)),
        not_compared=tuple(dict.fromkeys(not_compared)),
        seeds=seeds,
        another_base=base_change(base, head),
    )


def _gates(base: Revision, head: Revision, not_compared: list[str]) -> tuple[GateChange, ...]:
    try:
        return gate_changes(base, head)
    except ValidationError:
        not_compared.append("gates: package.gates of one side follows rules that this code does not know")
        return ()


def _images(base: Revision, head: Revision) -> Iterator[Image]:
    for path in sorted({path for side in (base, head) for path in side.reports if path.endswith(".png")}):
        before, after = base.content(path), head.content(path)
        if before != after:
            yield Image(path, before, after)


def as_json(diff: TeacherDiff, *, texts: bool = True) -> dict[str, Any]:
    """The comparison as values that JSON can hold; of images, only their paths; no curves.

    Args:
        diff: the comparison.
        texts: whether to include the content of flipped rows.
    """
    content = asdict(diff if texts else without_texts(diff))
    del content["curves"]
    content["images"] = [image.path for image in diff.images]
    return content


def without_texts(diff: TeacherDiff) -> TeacherDiff:
    """The same without the content of flipped rows, for readers who may not see the data."""
    flips = tuple(without_content(flips) for flips in diff.predictions.flips)
    return replace(diff, predictions=replace(diff.predictions, flips=flips))
