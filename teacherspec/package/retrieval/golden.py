"""Golden embeddings against the predictions of `evaluate`."""

from teacherspec.package.golden_examples import GoldenOutputs
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.predictions.retrieval import load_embedding_predictions


def golden_mismatch(inputs: PackageInputs, golden: GoldenOutputs) -> str | None:
    """Which row's embeddings differ most from those predicted; None where all agree."""
    predicted = load_embedding_predictions(inputs.stages.evaluated, "test")
    return golden.mismatch("image_embeds", predicted.images) or golden.mismatch(
        "text_embeds", predicted.texts
    )
