"""What the untrained base predicts: its own answers, or those of a linear probe on its features.

A base without a new head classifies as it is (the classes are prompts). Any other base gets the strongest
simple head there is: logistic regression on its frozen features, of the teacher's own train rows, with
penalty and scale chosen on validation, as the teacher's checkpoint is.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.evaluate.classification.label_details import with_label_details
from teacherspec.evaluate.context import EvaluationContext, log_progress
from teacherspec.evaluate.gain import gain
from teacherspec.evaluate.probe_features import sample_rows, unit_length
from teacherspec.inference.label_targets import labels_to_fit, labels_to_measure
from teacherspec.inference.linear_probe import fit_linear_probe
from teacherspec.inference.row_outputs import row_outputs
from teacherspec.metrics.scores.proper_scores import nll_per_row
from teacherspec.metrics.scores.softmax import top_label
from teacherspec.predictions.classification import Predictions
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures

if TYPE_CHECKING:
    from datasets import Dataset

ZERO_SHOT = "its untrained base"
PROBE = "a linear probe of its untrained base"


def opponent(context: EvaluationContext) -> str:
    """What the teacher is compared with, in words."""
    return PROBE if context.task.has_new_head else ZERO_SHOT


def predict_untrained(context: EvaluationContext) -> dict[str, Predictions]:
    """Predictions of the untrained base on the test split and on every shifted one.

    Raises:
        UserError: the base is not given, or gives values that are not finite.
    """
    task, splits = context.task, context.splits
    reported = ["test", *(split.name for split in context.data.of_role("shifted"))]
    log_progress(f"{opponent(context)} on the same rows")
    model, processor = context.load_base()
    processor = task.cache_shared_inputs(model, processor)
    probed = task.has_new_head
    method = task.require(FrozenFeatures).features if probed else task.logits

    def outputs(rows: "Dataset") -> npt.NDArray[np.float32]:
        return row_outputs(task, method, model, processor, rows, context.section.batch_size)

    logits = {name: outputs(splits[name]) for name in reported}
    if probed:
        schema, classes, validation = task.row_schema(), len(context.data.label_names), splits["validation"]
        train, labels = labels_to_fit(schema, sample_rows(splits["train"], context.section.seed), classes)
        choosing = (unit_length(outputs(validation)), labels_to_measure(schema, validation, classes))
        probe = fit_linear_probe((unit_length(outputs(train)), labels), choosing, classes)
        logits = {name: probe.logits(unit_length(features)).numpy() for name, features in logits.items()}
    predictions = {
        name: Predictions(splits[name]["id"][:], np.asarray(splits[name]["label"][:], np.int32), found)
        for name, found in logits.items()
    }
    return with_label_details(context, predictions)


def classification_gain(teacher: Predictions, base: Predictions, **intervals: Any) -> Mapping[str, Any]:
    """Gain in `accuracy`, and in `nll` in nats, on the same rows.

    Args:
        teacher: of a split.
        base: of the same rows, in their order.
        intervals: level, resamples and seed.
    """
    labels = teacher.labels.astype(np.int64)
    right = [(top_label(one.logits) == labels).astype(np.float64) for one in (teacher, base)]
    losses = [nll_per_row(one.logits, labels) for one in (teacher, base)]
    sums = {"accuracy": right[0] - right[1], "nll": losses[1] - losses[0]}
    return gain(sums, np.ones(len(labels)), **intervals)
