"""Whether the package of a retrieval teacher gives what is stored of it."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from teacherspec.metrics.proper_scores import nll
from teacherspec.metrics.retrieval import Paired, candidate_sets
from teacherspec.metrics.softmax import log_softmax
from teacherspec.package.golden_examples import FLOAT32_TOLERANCE, Said, Strange, furthest
from teacherspec.package.package_reader import OpenedPackage
from teacherspec.package.resumable_shards import read_shards
from teacherspec.package.retrieval.soft_targets import PREDICTED, SCALE, pairs_of
from teacherspec.predictions.retrieval import Comparison, EmbeddingPredictions
from teacherspec.runtime.atomic_io import read_json

NLL_TOLERANCE = 1e-5
"""Reports keep six decimals."""


def unlike_embeddings(expected: EmbeddingPredictions) -> Strange:
    """Compares embeddings with those predicted, in the order of the split."""

    def strange(processor: Any, picked: Any, rows: Any, said: Said) -> str | None:
        del processor
        ids = [row["id"] for row in rows]
        for name, predicted in (("image_embeds", expected.images), ("text_embeds", expected.texts)):
            if found := furthest(predicted[picked], said[name], ids, FLOAT32_TOLERANCE, name):
                return found
        return None

    return strange


def disagreeing_pairs(opened: OpenedPackage) -> Iterator[str]:
    """There are no labels; the factor of the cosines is the model's own."""
    if opened.metadata.label_names:
        yield "metadata.json: a retrieval teacher has no label names"
    model, _ = opened.task.load(opened.folder / "model")
    stated = Comparison(**read_json(opened.folder / "distill" / SCALE))
    bias = getattr(model, "logit_bias", None)
    own = model.logit_scale.exp().item(), 0.0 if bias is None else bias.item()
    if not np.allclose(own, (stated.logit_scale, stated.logit_bias), rtol=1e-6, atol=0):
        yield (
            f"distill/{SCALE}: logit_scale {stated.logit_scale:g} and logit_bias {stated.logit_bias:g}, "
            f"the model has {own[0]:g} and {own[1]:g}"
        )


def wrong_pair_calibration(opened: OpenedPackage) -> Iterator[str]:
    """The temperature gives, on the targets of the rows it was fitted on, the loss it was saved with."""
    saved = read_json(opened.folder / "calibration/calibration.json")
    temperature = saved["calibrator"].get("temperature", 1.0)
    comparison = Comparison(**read_json(opened.folder / "distill" / SCALE))
    for split, part in opened.metadata.splits.items():
        if part.role != "calibration" or split not in opened.metadata.soft_targets.rows:
            continue
        batches = [pairs_of(batch) for batch in read_shards(opened.folder / "distill", split, PREDICTED)]
        whole = Paired(
            *(np.concatenate([getattr(one, name) for one in batches]) for name in Paired.__dataclass_fields__)
        )
        lined = [
            candidate_sets(one, comparison.candidate_set_size, comparison.seed)
            for one in (whole, whole.swapped())
        ]
        logits = comparison.logit_scale * np.concatenate(lined) + comparison.logit_bias
        found = nll(
            log_softmax(logits / temperature), np.full(len(logits), comparison.candidate_set_size - 1)
        )
        stated = saved["before_after"]["nll"]["after"]
        if not abs(found - stated) <= NLL_TOLERANCE:
            yield f"calibration: NLL {found:.6f} after calibration, calibration.json says {stated:.6f}"
