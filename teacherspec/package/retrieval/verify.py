"""Whether the packaged retrieval teacher gives what is stored of it."""

from collections.abc import Iterator

import numpy as np

from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.metrics.scores.retrieval import Paired, candidate_sets
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.package.resumable_shards import read_shards
from teacherspec.package.retrieval.soft_targets import PREDICTED, SCALE, load_scale, pairs_of
from teacherspec.package.verification.calibration_checks import check_calibrated_nll
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.package.verification.recomputed_targets import check_recomputed


def check_labels(opened: OpenedPackage) -> Iterator[str]:
    """There are no labels; the factor of the cosines is the model's own."""
    if opened.metadata.label_names:
        yield "metadata.json: a retrieval teacher has no label names"
    model, _ = opened.model_and_processor
    stated = load_scale(opened.folder)
    bias = getattr(model, "logit_bias", None)
    own = model.logit_scale.exp().item(), 0.0 if bias is None else bias.item()
    if not np.allclose(own, (stated.logit_scale, stated.logit_bias), rtol=1e-6, atol=0):
        yield (
            f"distill/{SCALE}: logit_scale {stated.logit_scale:g} and logit_bias {stated.logit_bias:g}, "
            f"the model has {own[0]:g} and {own[1]:g}"
        )


def check_targets(opened: OpenedPackage) -> Iterator[str]:
    """The model gives the stored embeddings."""
    return check_recomputed(opened, ("image_embeds", "text_embeds"))


def check_calibration(opened: OpenedPackage) -> Iterator[str]:
    """The temperature gives, on the pairs it was fitted on, the loss it was saved with."""
    return check_calibrated_nll(opened, lambda split: _mean_nll(opened, split))


def _mean_nll(opened: OpenedPackage, split: str) -> float:
    """Mean loss over the candidate sets of both directions after calibration, nats."""
    scale, temperature = load_scale(opened.folder), opened.temperature()
    batches = [pairs_of(batch) for batch in read_shards(opened.folder / "distill", split, PREDICTED)]
    fields = Paired.__dataclass_fields__
    pairs = Paired(*(np.concatenate([getattr(batch, name) for batch in batches]) for name in fields))
    cosines = [
        candidate_sets(queries, scale.candidate_set_size, scale.seed) for queries in (pairs, pairs.swapped())
    ]
    logits = scale.logit_scale * np.concatenate(cosines) + scale.logit_bias
    right = np.full(len(logits), scale.candidate_set_size - 1)
    return float(nll(log_softmax(logits / temperature), right))
