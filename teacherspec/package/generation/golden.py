"""Golden logits of the next token against the predictions of `evaluate`."""

import numpy as np

from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.package.generation.verify import LOG_PROB_TOLERANCE
from teacherspec.package.golden_examples import GoldenOutputs
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.predictions.generation import load_token_predictions
from teacherspec.tasks.shared.generation_task import GenerationTask


def golden_mismatch(inputs: PackageInputs, golden: GoldenOutputs) -> str | None:
    """Whether the first token of each answer has the log-probability that `evaluate` predicted."""
    task = inputs.task.require(GenerationTask)
    predicted = load_token_predictions(inputs.stages.evaluated, "test")
    starts = dict(zip(predicted.ids, np.cumsum(predicted.tokens) - predicted.tokens, strict=True))
    nll, encoder = predicted.nll(), task.encoder(golden.processor)
    log_probs = log_softmax(golden.outputs["logits"])
    for at, row in enumerate(golden.rows):
        encoded = encoder.encode(task.conversation(row))
        if encoded.cut:
            continue  # training saw this prompt without its beginning
        before = sum(encoded.supervised[: encoded.answer_start])
        expected = -float(nll[starts[row["id"]] + before])
        found = float(log_probs[at, encoded.input_ids[encoded.answer_start]])
        if not abs(expected - found) <= LOG_PROB_TOLERANCE:
            return (
                f"row {row['id']}: log-probability {found:.5f} of the first token, evaluate predicted "
                f"{expected:.5f}"
            )
    return None
