"""What two teachers of classes make of the same rows."""

import json
from collections.abc import Mapping

import numpy as np
from pydantic import ValidationError

from teacherspec.compare.classification.rows import PairedRows, pair_rows
from teacherspec.compare.classification.tests import paired_tests
from teacherspec.compare.flips_and_slices import Flip, Flips, Part, flipped, parts_moved
from teacherspec.compare.paired_predictions import Sides
from teacherspec.compare.prediction_diff import Answered
from teacherspec.errors import UserError
from teacherspec.evaluate.classification.analysis import automatic_features
from teacherspec.evaluate.classification.declared_slices import declared_feature
from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.content_features import read_content
from teacherspec.evaluate.slice_features import SlicingFeature, by_label
from teacherspec.predictions.classification import Predictions
from teacherspec.spec.evaluate import Evaluate


def compare_classes(sides: Sides, missing: list[str]) -> Answered:
    """Paired tests, flips, classes and slices."""
    splits = pair_rows(sides, missing)
    labelled = [rows for rows in splits if rows.role != "ood"]
    measured = {rows.split: found for rows in labelled if (found := _measured(sides, rows)) is not None}
    test = next((rows for rows in labelled if rows.role == "test"), None)
    features = (
        _slicing_features(sides, measured[test.split], missing) if test and test.split in measured else []
    )
    return Answered(
        tests=paired_tests(splits),
        flips=tuple(flips(rows, _texts(measured.get(rows.split))) for rows in labelled),
        classes=() if test is None else classes_moved(test),
        slices=() if test is None else parts_moved(test.before.correct, test.after.correct, features),
        left_out={rows.split: rows.left_out for rows in splits if rows.left_out},
    )


def flips(paired: PairedRows, texts: Mapping[str, str]) -> Flips:
    """The rows of a labelled split whose answer became right or wrong.

    Args:
        paired: the common rows.
        texts: id → content.
    """

    def flip(row: int) -> Flip:
        name = paired.ids[row]
        answers = paired.before.answer(row), paired.after.answer(row)
        return Flip(name, texts.get(name, ""), paired.labels[row], *answers)

    return flipped(paired.split, paired.before.correct, paired.after.correct, flip)


def classes_moved(paired: PairedRows) -> tuple[Part, ...]:
    """Every class that occurs, those that moved first, tested as one family."""
    names = sorted(set(paired.labels))
    codes = np.array([names.index(label) for label in paired.labels], dtype=np.int64)
    return parts_moved(paired.before.correct, paired.after.correct, [by_label(codes, names)], fewest=1)


def _measured(sides: Sides, paired: PairedRows) -> EvalTable | None:
    """The content of the paired rows, where it is at hand."""
    if sides.contents is None:
        return None
    after = paired.after
    answers = Predictions(paired.ids, after.labels.astype("int32"), after.logits.astype("float32"))
    rows = sides.contents.rows(paired.split, paired.ids)
    return EvalTable(answers, after.label_names, read_content(sides.contents.task.row_schema(), rows))


def _texts(measured: EvalTable | None) -> dict[str, str]:
    return {} if measured is None else dict(zip(measured.predictions.ids, measured.texts, strict=True))


def _slicing_features(sides: Sides, measured: EvalTable, missing: list[str]) -> list[SlicingFeature]:
    """Every automatic and every declared slicing feature of the rows, except the label."""
    features = {one.name: one for one in automatic_features(measured) if one.name != "label"}
    try:
        section = Evaluate.model_validate_json(json.dumps(sides.head.declared))
        declared = [declared_feature(slices, measured) for slices in section.slices]
    except (ValidationError, UserError, KeyError):
        missing.append(f"declared slices: evaluate.slices of {sides.head.name} cannot be cut by this code")
        declared = []
    features |= {one.name: one for one in declared if one.name != "label"}
    return list(features.values())
