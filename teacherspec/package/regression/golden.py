"""Golden scores against the predictions of `evaluate`."""

from teacherspec.package.golden_examples import GoldenOutputs
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.predictions.regression import load_scores


def golden_mismatch(inputs: PackageInputs, golden: GoldenOutputs) -> str | None:
    """Which row's score differs most from the predicted one; None where all agree."""
    return golden.mismatch("logits", load_scores(inputs.stages.evaluated, "test").scores[:, None])
