"""Everything that changed between two revisions of a teacher, and what could not be compared."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import TypeAdapter, ValidationError

from teacherspec.errors import DataError, UserError
from teacherspec.evaluate.analysis import automatic_facets
from teacherspec.evaluate.facets import Facet
from teacherspec.evaluate.measured import Measured, measured_rows
from teacherspec.evaluate.section import Evaluate
from teacherspec.predictions import Predictions
from teacherspec.prepare.changes import Changes, compare_prepared
from teacherspec.prepared import load_prepared, open_split
from teacherspec.review.built import StageBuild, stages_built
from teacherspec.review.declared import Change, environment_changed, params_changed
from teacherspec.review.paired import PairedTest, paired_tests
from teacherspec.review.parts import Flips, Part, classes_moved, flips, slices_moved
from teacherspec.review.promises import GateCrossing, Number, gates_crossed, numbers, reports_of
from teacherspec.review.revision import NotAtHandError, Revision
from teacherspec.review.rows import CALIBRATION, Evaluated, PairedRows, pair_rows
from teacherspec.tasks import Task

PREPARE, EVALUATE, CALIBRATE = "artifacts/prepare", "artifacts/evaluate", "artifacts/calibrate"


@dataclass(frozen=True)
class Picture:
    """A picture of the reports that differs; None where a side lacks it."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True)
class Answered:
    """What the predictions of both sides tell together."""

    tests: tuple[PairedTest, ...] = ()
    flips: tuple[Flips, ...] = ()
    classes: tuple[Part, ...] = ()
    slices: tuple[Part, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Split → rows that could not be paired."""


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
    except NotAtHandError as error:
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
    sides = [_evaluated(side, stack, missing) for side in (base, head)]
    if sides[0] is None or sides[1] is None:
        return Answered()
    try:
        splits, unpaired = pair_rows(sides[0], sides[1], edited)
    except (DataError, KeyError, ValidationError) as error:
        missing.append(
            f"answers to the same rows: the predictions of a side cannot be read ({_short(error)})"
        )
        return Answered()
    missing += unpaired
    labelled = [rows for rows in splits if rows.role != "ood"]
    measured = _rows(head, labelled, stack, missing)
    test = next((rows for rows in labelled if rows.role == "test"), None)
    facets = _facets(head, measured[test.split], missing) if test and test.split in measured else []
    return Answered(
        tests=paired_tests(splits),
        flips=tuple(flips(rows, _texts(measured.get(rows.split))) for rows in labelled),
        classes=() if test is None else classes_moved(test),
        slices=() if test is None else slices_moved(test, facets),
        left_out={rows.split: rows.left_out for rows in splits if rows.left_out},
    )


def _evaluated(side: Revision, stack: ExitStack, missing: list[str]) -> Evaluated | None:
    folders = [_at_hand(side, path, stack, missing) for path in (EVALUATE, CALIBRATE)]
    return (
        None if folders[0] is None or folders[1] is None else Evaluated(folders[0], folders[1] / CALIBRATION)
    )


def _rows(
    head: Revision, splits: Sequence[PairedRows], stack: ExitStack, missing: list[str]
) -> dict[str, Measured]:
    """The content of the paired rows, by split, from the prepared data of `head`."""
    folder = _at_hand(head, PREPARE, stack, missing)
    if folder is None:
        return {}
    try:
        task: Task = TypeAdapter(Task).validate_json(json.dumps(head.params.get("task")))
    except ValidationError:
        missing.append(f"texts and slices: {head.name} declares a task that this code does not know")
        return {}
    prepared = load_prepared(folder)
    scratch = Path(stack.enter_context(TemporaryDirectory()))
    found = {}
    for paired in splits:
        rows = open_split(prepared.splits[paired.split], scratch)
        place = {name: number for number, name in enumerate(rows["id"])}
        answers = Predictions(
            paired.ids, paired.after.labels.astype("int32"), paired.after.logits.astype("float32")
        )
        chosen = rows.select([place[name] for name in paired.ids])
        found[paired.split] = measured_rows(task.row_fields(), chosen, answers, paired.after.label_names)
    return found


def _texts(measured: Measured | None) -> dict[str, str]:
    return {} if measured is None else dict(zip(measured.predictions.ids, measured.texts, strict=True))


def _facets(head: Revision, measured: Measured, missing: list[str]) -> list[Facet]:
    """Every facet that the rows have by themselves, and those that were declared; classes stand apart."""
    facets = {facet.name: facet for facet in automatic_facets(measured) if facet.name != "label"}
    try:
        section = Evaluate.model_validate_json(json.dumps(head.params.get("evaluate") or {}))
        declared = [cut.facet(measured) for cut in section.slices]
    except (ValidationError, UserError, KeyError):
        missing.append(f"declared slices: evaluate.slices of {head.name} cannot be cut by this code")
        declared = []
    facets |= {facet.name: facet for facet in declared if facet.name != "label"}
    return list(facets.values())


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
    content = asdict(review)
    content["pictures"] = [picture.path for picture in review.pictures]
    if not texts:
        for found in content["answered"]["flips"]:
            for flip in (*found["right_to_wrong"], *found["wrong_to_right"]):
                flip["text"] = ""
    return content
