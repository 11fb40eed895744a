"""Golden logits of words against the predictions of `evaluate`."""

import numpy as np

from teacherspec.package.golden_examples import FLOAT32_TOLERANCE, GoldenOutputs, largest_mismatch
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.predictions.tagging import load_tag_predictions
from teacherspec.tasks.shared.tagging_task import TaggingTask


def golden_mismatch(inputs: PackageInputs, golden: GoldenOutputs) -> str | None:
    """Which row's logits differ from those predicted; None where all agree."""
    task = inputs.task.require(TaggingTask)
    predicted = load_tag_predictions(inputs.stages.evaluated, "test")
    places = task.first_subwords(golden.processor, golden.rows)
    for at, (row, index) in enumerate(zip(golden.rows, golden.indices, strict=True)):
        found = golden.outputs["logits"][at, list(places[at].positions)]
        expected = predicted.select(np.array([index])).logits
        problem = largest_mismatch(expected, found, [row["id"]] * len(found), FLOAT32_TOLERANCE, "logits")
        if problem:
            return problem
    return None
