"""Golden logits of labels against the predictions of `evaluate`."""

from teacherspec.package.golden_examples import GoldenOutputs
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.predictions.multi_label import load_label_predictions


def golden_mismatch(inputs: PackageInputs, golden: GoldenOutputs) -> str | None:
    """Which row's logits differ most from those predicted; None where all agree."""
    return golden.mismatch("logits", load_label_predictions(inputs.stages.evaluated, "test").logits)
