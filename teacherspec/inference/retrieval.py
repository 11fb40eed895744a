"""Inference for retrieval: the embeddings of the images and texts of a split."""

from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.errors import UserError
from teacherspec.inference.batch_loader import batch_loader, check_not_empty
from teacherspec.predictions.retrieval import EmbeddingPredictions
from teacherspec.runtime import distributed
from teacherspec.runtime.length_batches import longest_first
from teacherspec.tasks.shared.interfaces.packaging import Packaging

if TYPE_CHECKING:
    from datasets import Dataset


def predict_pairs(
    task: Packaging, model: Any, processor: Any, rows: "Dataset", batch_size: int
) -> EmbeddingPredictions:
    """The embeddings of every row; each of several processes computes its share and returns all.

    Args:
        task: with output type `retrieval`.
        model: in eval mode.
        processor: of the model.
        rows: a split as `prepare` left it.
        batch_size: rows per forward pass.

    Raises:
        DataError: there are no rows.
        UserError: an embedding is not finite; the message names the row.
    """
    import torch

    check_not_empty(rows)
    batches = longest_first(len(rows), None, batch_size)
    loader = batch_loader(task, processor, task.encode(processor, rows), batches)
    parts = []
    with torch.inference_mode():
        for examples in loader:
            batch = {name: part.to(model.device) for name, part in examples.items()}
            outputs = task.golden_outputs(model, batch)
            embeddings = [outputs[name].float().cpu().numpy() for name in ("image_embeds", "text_embeds")]
            parts.append((*embeddings, examples["labels"].numpy()))
    images, texts, numbers = (
        np.concatenate(part) for part in zip(*distributed.all_gather(parts), strict=True)
    )
    ids = rows["id"][:]
    broken = ~(np.isfinite(images) & np.isfinite(texts)).all(axis=1)
    if broken.any():
        raise UserError(
            f"the embeddings of row {ids[int(broken.argmax())]} are not finite ({int(broken.sum())} such "
            f"rows of {len(ids)}); the weights are broken or overflow: fine-tune again with a lower learning "
            "rate"
        )
    return EmbeddingPredictions(ids, images, texts, numbers[:, 0], numbers[:, 1])
