"""Golden logits of classes against the predictions of `evaluate`."""

from teacherspec.package.golden_examples import GoldenOutputs
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.predictions.classification import load_predictions


def golden_mismatch(inputs: PackageInputs, golden: GoldenOutputs) -> str | None:
    """Which row's logits differ most from those predicted; None where all agree."""
    return golden.mismatch("logits", load_predictions(inputs.stages.evaluated, "test").logits)
