"""What a linear probe of the untrained base predicts: logistic regression on the frozen features of words.

Fitted on the teacher's own train rows, with penalty and scale chosen on validation, as the teacher's
checkpoint is.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from teacherspec.evaluate.context import EvaluationContext, log_progress
from teacherspec.inference.linear_probe import fit_linear_probe
from teacherspec.inference.tagging import WordOutputs, word_outputs
from teacherspec.predictions.tagging import TagPredictions
from teacherspec.tasks.shared.tagging_task import TaggingTask

if TYPE_CHECKING:
    import torch

OPPONENT = "a linear probe of its untrained base"

PROBE_WORDS = 20_000
"""Words of train at most that the probe is fitted on, drawn without replacement: more change little."""


def predict_untrained(context: EvaluationContext) -> dict[str, TagPredictions]:
    """Predictions of the probe on the test split and on every shifted one. Raises `UserError`."""
    task, splits = context.task.require(TaggingTask), context.splits
    reported = ["test", *(split.name for split in context.data.of_role("shifted"))]
    log_progress(f"{OPPONENT} on the same rows")
    model, processor = context.load_base()
    features = {
        name: word_outputs(
            task, task.token_features, model, processor, splits[name], context.section.batch_size
        )
        for name in ("train", "validation", *reported)
    }
    train = _sample(_labelled(features["train"]), context.section.seed)
    probe = fit_linear_probe(train, _labelled(features["validation"]), len(task.tags))
    return {
        name: TagPredictions(
            splits[name]["id"][:],
            features[name].words,
            features[name].tags,
            features[name].read,
            probe.logits(_unit(features[name].values)).numpy(),
        )
        for name in reported
    }


def _labelled(outputs: WordOutputs) -> "tuple[torch.Tensor, torch.Tensor]":
    import torch

    return _unit(outputs.values), torch.from_numpy(outputs.tags[outputs.read].astype(np.int64))


def _sample(given: "tuple[torch.Tensor, torch.Tensor]", seed: int) -> "tuple[torch.Tensor, torch.Tensor]":
    if len(given[1]) <= PROBE_WORDS:
        return given
    chosen = np.sort(np.random.default_rng(seed).choice(len(given[1]), PROBE_WORDS, replace=False))
    return given[0][chosen], given[1][chosen]


def _unit(features: npt.NDArray[np.float32]) -> "torch.Tensor":
    """Features of length 1, as those of rows are compared."""
    import torch

    return torch.nn.functional.normalize(torch.from_numpy(np.ascontiguousarray(features)))
