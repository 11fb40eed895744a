"""Where a dual encoder puts the images and texts of rows."""

from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.errors import DataError, UserError
from teacherspec.predictions.retrieval import EmbeddingPredictions
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.length_batches import longest_first
from teacherspec.tasks.base import Kind

if TYPE_CHECKING:
    from datasets import Dataset


def predict_pairs(
    task: Kind, model: Any, processor: Any, rows: "Dataset", batch_size: int
) -> EmbeddingPredictions:
    """The embeddings of every row; of several processes each computes its share, and has all.

    Args:
        task: of the form `retrieval`.
        model: in eval mode.
        processor: of the model.
        rows: a split as `prepare` left it.
        batch_size: rows per forward pass.

    Raises:
        DataError: there are no rows.
        UserError: an embedding is not finite; the message names the row.
    """
    import torch

    if len(rows) == 0:
        raise DataError("prepare: a split without rows cannot be predicted; declare rows for it or drop it")
    batches = longest_first(len(rows), None, batch_size)
    loader = torch.utils.data.DataLoader(
        task.encode(processor, rows),
        batch_sampler=distributed.shard(batches),
        collate_fn=task.collate(processor),
        num_workers=machine.workers() if task.decodes else 0,
    )
    parts = []
    with torch.inference_mode():
        for examples in loader:
            batch = {name: part.to(model.device) for name, part in examples.items()}
            said = task.golden_outputs(model, batch)
            found = [said[name].float().cpu().numpy() for name in ("image_embeds", "text_embeds")]
            parts.append((*found, examples["labels"].numpy()))
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
