"""Everything that changed between two revisions of a teacher, and what could not be compared."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from teacherspec.compare.classification.predictions import compare_classes
from teacherspec.compare.flips_and_slices import without_content
from teacherspec.compare.generation.predictions import compare_language
from teacherspec.compare.paired_predictions import Contents, Evaluated, Sides
from teacherspec.compare.params_diff import Change, environment_changed, params_changed
from teacherspec.compare.prediction_diff import Answered, Compare
from teacherspec.compare.reported_numbers import GateCrossing, Number, gates_crossed, numbers, reports_of
from teacherspec.compare.retrieval.predictions import compare_retrieval
from teacherspec.compare.revision import Revision, UnavailableError
from teacherspec.compare.stage_changes import StageBuild, stages_built
from teacherspec.errors import DataError, UserError
from teacherspec.prepare.dataset_diff import Changes, compare_prepared
from teacherspec.splits import load_prepared
from teacherspec.tasks import parse_task

PREPARE, EVALUATE, CALIBRATE = "artifacts/prepare", "artifacts/evaluate", "artifacts/calibrate"
CALIBRATION = "calibration.json"

FORMS: Mapping[str, Compare] = {
    "classification": compare_classes,
    "generation": compare_language,
    "retrieval": compare_retrieval,
}
"""How predictions of each form are compared."""


@dataclass(frozen=True)
class Picture:
    """A picture of the reports that differs; None where a side lacks it."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True)
class Review:
    """The whole comparison.

    Attributes:
        base: title of the revision compared with.
        head: title of the other.
        params: changed leaves of the declaration.
        environment: changed pins.
        stages: what was rebuilt.
        numbers: every number of the reports.
        gates: limits and whether they are kept.
        same_answers: the predictions and the calibration are the same bytes.
        answered: paired tests, flips, classes and slices.
        data: changes of the prepared rows; None where they are the same, or could not be compared.
        same_data: the prepared rows are the same bytes.
        pictures: that differ.
        not_compared: a sentence each, with what to do.
    """

    base: str
    head: str
    params: tuple[Change, ...]
    environment: tuple[Change, ...]
    stages: tuple[StageBuild, ...]
    numbers: tuple[Number, ...]
    gates: tuple[GateCrossing, ...]
    same_answers: bool
    answered: Answered
    data: Changes | None
    same_data: bool
    pictures: tuple[Picture, ...]
    not_compared: tuple[str, ...]


def compare(base: Revision, head: Revision) -> Review:
    """Compare two revisions from git, `dvc.lock` and the cache.

    Raises:
        UserError: a side has no `dvc.lock`, or it cannot be parsed.
    """
    lost = [
        f"{side.name}: no stage was built here: dvc.lock is absent or empty"
        for side in (base, head)
        if not side.stages
    ]
    if lost:
        raise UserError(lost)
    missing: list[str] = []
    same_data = _same(base, head, PREPARE)
    with ExitStack() as stack:
        data = None if same_data else _data(base, head, stack, missing)
        same_answers = _same(base, head, EVALUATE) and _same(base, head, CALIBRATE)
        edited = frozenset() if data is None else frozenset((*data.edited, *data.relabelled))
        answered = Answered() if same_answers else _answered(base, head, edited, stack, missing)
    if data is None and not same_data and not same_answers:
        missing.append(
            "whether rows of one id have the same content on both sides: rows are paired by id and label"
        )
    return Review(
        base=base.title,
        head=head.title,
        params=params_changed(base, head),
        environment=environment_changed(base, head),
        stages=stages_built(base, head),
        numbers=numbers(reports_of(base), reports_of(head)),
        gates=_gates(base, head, missing),
        same_answers=same_answers,
        answered=answered,
        data=data,
        same_data=same_data,
        pictures=tuple(_pictures(base, head)),
        not_compared=tuple(dict.fromkeys(missing)),
    )


def _same(base: Revision, head: Revision, path: str) -> bool:
    return path in base.outs and base.outs[path] == head.outs.get(path)


def _at_hand(side: Revision, path: str, stack: ExitStack, missing: list[str]) -> Path | None:
    try:
        return stack.enter_context(side.artifact(path))
    except UnavailableError as error:
        missing.append(str(error))
        return None


def _data(base: Revision, head: Revision, stack: ExitStack, missing: list[str]) -> Changes | None:
    before, after = (_at_hand(side, PREPARE, stack, missing) for side in (base, head))
    if before is None or after is None:
        return None
    try:
        return compare_prepared(before, after)
    except DataError as error:
        missing.append(f"data: the prepared rows of a side cannot be read ({_short(error)})")
        return None


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _answered(
    base: Revision, head: Revision, edited: frozenset[str], stack: ExitStack, missing: list[str]
) -> Answered:
    before, after = (_evaluated(side, stack, missing) for side in (base, head))
    if before is None or after is None:
        return Answered()
    try:
        forms = before.index.output_type, after.index.output_type
        if forms[0] != forms[1]:
            missing.append(
                f"answers to the same rows: {before.name} predicts {forms[0]}, {after.name} {forms[1]}"
            )
            return Answered()
        sides = Sides(before, after, edited, _contents(head, stack, missing))
        missing += sides.missing_splits()
        return FORMS[forms[1]](sides, missing)
    except (DataError, KeyError, OSError, ValidationError) as error:
        missing.append(
            f"answers to the same rows: the predictions of a side cannot be read ({_short(error)})"
        )
        return Answered()


def _evaluated(side: Revision, stack: ExitStack, missing: list[str]) -> Evaluated | None:
    folders = [_at_hand(side, path, stack, missing) for path in (EVALUATE, CALIBRATE)]
    if folders[0] is None or folders[1] is None:
        return None
    return Evaluated(side.name, folders[0], folders[1] / CALIBRATION, side.params.get("evaluate") or {})


def _contents(head: Revision, stack: ExitStack, missing: list[str]) -> Contents | None:
    """The prepared rows of `head`, where they are at hand."""
    folder = _at_hand(head, PREPARE, stack, missing)
    if folder is None:
        return None
    try:
        return Contents(parse_task(json.dumps(head.params.get("task"))), load_prepared(folder), stack)
    except ValidationError:
        missing.append(f"texts and slices: {head.name} declares a task that this code does not know")
    except DataError as error:
        missing.append(f"texts and slices: the prepared rows of {head.name} cannot be read ({_short(error)})")
    return None


def _gates(base: Revision, head: Revision, missing: list[str]) -> tuple[GateCrossing, ...]:
    try:
        return gates_crossed(base, head)
    except ValidationError:
        missing.append("gates: package.gates of one side follow rules that this code does not know")
        return ()


def _pictures(base: Revision, head: Revision) -> list[Picture]:
    paths = sorted({path for side in (base, head) for path in side.outs if path.endswith(".png")})
    pictures = [Picture(path, base.content(path), head.content(path)) for path in paths]
    return [picture for picture in pictures if picture.before != picture.after]


def as_json(review: Review, *, texts: bool = True) -> dict[str, Any]:
    """The comparison as values that JSON can hold; of pictures, only their paths.

    Args:
        review: what to tell.
        texts: whether to keep the content of flipped rows.
    """
    content = asdict(review if texts else without_texts(review))
    content["pictures"] = [picture.path for picture in review.pictures]
    return content


def without_texts(review: Review) -> Review:
    """The same without the content of flipped rows, for readers who may not see the data."""
    flips = tuple(without_content(flips) for flips in review.answered.flips)
    return replace(review, answered=replace(review.answered, flips=flips))
