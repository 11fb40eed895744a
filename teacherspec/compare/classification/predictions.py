"""Compare the predictions of two classifiers for the same rows."""

import json
from collections.abc import Mapping

import numpy as np
from pydantic import ValidationError

from teacherspec.compare.classification.metric_tests import metric_tests
from teacherspec.compare.classification.pairing import PairedRows, pair_rows
from teacherspec.compare.flips_and_slices import Flip, Flips, GroupChange, compare_groups, flipped
from teacherspec.compare.paired_predictions import Sides
from teacherspec.compare.paired_tests import family
from teacherspec.compare.prediction_diff import PredictionDiff
from teacherspec.errors import UserError
from teacherspec.evaluate.classification.analysis import automatic_features
from teacherspec.evaluate.classification.declared_slices import declared_feature
from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.content_features import read_content
from teacherspec.evaluation_rows.slice_features import SlicingFeature, by_label
from teacherspec.predictions.classification import Predictions
from teacherspec.spec.evaluate import Evaluate


def compare_predictions(sides: Sides, not_compared: list[str]) -> PredictionDiff:
    """Tests of metrics, flips, classes and slices.

    Args:
        sides: whose predictions are logits of classes.
        not_compared: gets a sentence for everything that cannot be compared.
    """
    splits = pair_rows(sides, not_compared)
    labelled = [rows for rows in splits if rows.role != "ood"]
    tables = {rows.split: table for rows in labelled if (table := _eval_table(sides, rows)) is not None}
    test = next((rows for rows in labelled if rows.role == "test"), None)
    table = tables.get(test.split) if test else None
    features = _slicing_features(sides, table, not_compared) if table else []
    metrics = family(metric_tests(splits))
    return PredictionDiff(
        tests=metrics.tests,
        unchanged=metrics.unchanged,
        flips=tuple(flips(rows, _texts(tables.get(rows.split))) for rows in labelled),
        classes=() if test is None else compare_classes(test),
        slices=() if test is None else compare_groups(test.before.correct, test.after.correct, features),
        left_out={rows.split: rows.left_out for rows in splits if rows.left_out},
    )


def flips(paired: PairedRows, texts: Mapping[str, str]) -> Flips:
    """The rows of a labelled split whose predicted label became right or wrong.

    Args:
        paired: the common rows.
        texts: id → content.
    """

    def flip(row: int) -> Flip:
        name = paired.ids[row]
        predicted = paired.before.predicted_label(row), paired.after.predicted_label(row)
        return Flip(name, texts.get(name, ""), paired.labels[row], *predicted)

    return flipped(paired.split, paired.before.correct, paired.after.correct, flip)


def compare_classes(paired: PairedRows) -> tuple[GroupChange, ...]:
    """The recall of every class that occurs, most significant change first, tested as one family."""
    names = sorted(set(paired.labels))
    codes = np.array([names.index(label) for label in paired.labels], dtype=np.int64)
    return compare_groups(paired.before.correct, paired.after.correct, [by_label(codes, names)], fewest=1)


def _eval_table(sides: Sides, paired: PairedRows) -> EvalTable | None:
    """The paired rows with their content, where it is available."""
    if sides.prepared is None:
        return None
    after = paired.after
    predictions = Predictions(paired.ids, after.labels.astype("int32"), after.logits.astype("float32"))
    rows = sides.prepared.rows(paired.split, paired.ids)
    return EvalTable(predictions, after.label_names, read_content(sides.prepared.task.row_schema(), rows))


def _texts(table: EvalTable | None) -> dict[str, str]:
    return {} if table is None else dict(zip(table.predictions.ids, table.texts, strict=True))


def _slicing_features(sides: Sides, table: EvalTable, not_compared: list[str]) -> list[SlicingFeature]:
    """Every automatic and every declared slicing feature of the rows, except the label."""
    features = {one.name: one for one in automatic_features(table) if one.name != "label"}
    try:
        section = Evaluate.model_validate_json(json.dumps(sides.head.declared))
        declared = [declared_feature(slices, table) for slices in section.slices]
    except (ValidationError, UserError, KeyError):
        not_compared.append(f"declared slices: this code cannot compute evaluate.slices of {sides.head.name}")
        declared = []
    features |= {one.name: one for one in declared if one.name != "label"}
    return list(features.values())
