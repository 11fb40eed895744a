"""What a linear probe of the untrained base predicts: one logistic regression a label on frozen features.

Fitted on the teacher's own train rows, with penalty and scale chosen on validation, as the teacher's
checkpoint is.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from teacherspec.evaluate.context import EvaluationContext, log_progress
from teacherspec.evaluate.probe_features import sample_rows, unit_length
from teacherspec.inference.label_targets import labels_to_fit, labels_to_measure
from teacherspec.inference.linear_probe import fit_linear_probe, mean_binary_nll
from teacherspec.inference.multi_label import given_labels
from teacherspec.inference.row_outputs import row_outputs
from teacherspec.predictions.multi_label import LabelPredictions
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures

if TYPE_CHECKING:
    from datasets import Dataset

PROBE = "a linear probe of its untrained base"


def predict_untrained(context: EvaluationContext) -> dict[str, LabelPredictions]:
    """Predictions of the probe on the test split and on every shifted one.

    Raises:
        UserError: the base is not given.
    """
    task, splits = context.task, context.splits
    reported = ["test", *(split.name for split in context.data.of_role("shifted"))]
    log_progress(f"{PROBE} on the same rows")
    model, processor = context.load_base()
    processor = task.cache_shared_inputs(model, processor)
    method = task.require(FrozenFeatures).features

    def features(rows: "Dataset") -> npt.NDArray[np.float32]:
        return row_outputs(task, method, model, processor, rows, context.section.batch_size)

    schema, classes = task.row_schema(), len(context.data.label_names)
    train, labels = labels_to_fit(schema, sample_rows(splits["train"], context.section.seed), classes)
    validation = splits["validation"]
    choosing = (unit_length(features(validation)), labels_to_measure(schema, validation, classes))
    fitting = (unit_length(features(train)), labels)
    probe = fit_linear_probe(fitting, choosing, classes, loss=mean_binary_nll)
    return {
        name: LabelPredictions(
            splits[name]["id"][:],
            given_labels(splits[name], classes),
            probe.logits(unit_length(features(splits[name]))).numpy(),
        )
        for name in reported
    }
