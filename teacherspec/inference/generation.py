"""Inference for generation: statistics of the supervised tokens of a split, and their top k."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from teacherspec.errors import UserError
from teacherspec.inference.batch_loader import batch_loader, check_not_empty
from teacherspec.predictions.generation import TokenPredictions
from teacherspec.predictions.inverse_temperatures import GRID
from teacherspec.predictions.top_k_tokens import TopKTokens
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.length_batches import longest_first
from teacherspec.runtime.progress import with_progress
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.text.logit_moments import token_sums
from teacherspec.text.packing import Example, counts
from teacherspec.text.topk_logits import TopK, reduce_logits

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch
    from datasets import Dataset


class Examples(NamedTuple):
    """Encoded examples.

    Attributes:
        encoded: by index, as `collate` takes them.
        tokens: of each.
        ids: name of each.
    """

    encoded: Any
    tokens: Sequence[Example]
    ids: Sequence[str]


def predict_tokens(
    task: GenerationTask, model: Any, processor: Any, rows: "Dataset", batch_size: int
) -> TokenPredictions:
    """Predictions of each supervised token of `rows`, in their order.

    Args:
        task: the declared task.
        model: in eval mode.
        processor: of the model.
        rows: a split as `prepare` left it.
        batch_size: rows of one forward pass.

    Raises:
        DataError: there are no rows, or a row cannot be encoded.
        UserError: a logit is not finite; the message names the row.
    """
    return score_examples(task, model, processor, _encoded(task, processor, rows), batch_size)


def predict_top_k(
    task: GenerationTask, model: Any, processor: Any, rows: "Dataset", batch_size: int, k: int
) -> tuple[TokenPredictions, TopKTokens]:
    """The same, with the k likeliest tokens at each position, from one forward pass.

    Args:
        task: the declared task.
        model: in eval mode.
        processor: of the model.
        rows: a split as `prepare` left it.
        batch_size: rows of one forward pass.
        k: below the size of the vocabulary.

    Raises:
        DataError: there are no rows, or a row cannot be encoded.
        UserError: a logit is not finite; the message names the row.
    """
    examples = _encoded(task, processor, rows)
    columns, sums = _columns(task, model, processor, examples, batch_size, k)
    lengths = np.asarray([len(one.input_ids) for one in examples.tokens], np.int64)
    top = TopKTokens(
        examples.ids,
        lengths,
        np.concatenate([np.asarray(one.input_ids, np.int32) for one in examples.tokens]),
        np.concatenate([np.asarray(one.supervised, np.bool_) for one in examples.tokens]),
        np.asarray(counts(examples.tokens), np.int64),
        dict(zip(TopK._fields, columns[SCORED:], strict=True)),
    )
    return _predictions(examples, columns, sums), top


def score_examples(
    task: GenerationTask, model: Any, processor: Any, examples: Examples, batch_size: int
) -> TokenPredictions:
    """Predictions of each supervised token of encoded examples, in their order.

    Args:
        task: the declared task.
        model: in eval mode.
        processor: of the model.
        examples: encoded.
        batch_size: examples of one forward pass.

    Raises:
        UserError: a logit is not finite; the message names the rows.
    """
    return _predictions(examples, *_columns(task, model, processor, examples, batch_size))


SCORED = 4
"""Columns of `_columns` that are the fields of `TokenPredictions`."""


def _encoded(task: GenerationTask, processor: Any, rows: "Dataset") -> Examples:
    check_not_empty(rows)
    encoded = task.encode(processor, rows)
    pairs = zip(encoded["input_ids"], encoded["supervised"], strict=True)
    return Examples(encoded, [Example(ids, supervised) for ids, supervised in pairs], rows["id"][:])


def _predictions(
    examples: Examples, columns: "Sequence[npt.NDArray[Any]]", sums: "npt.NDArray[np.float64]"
) -> TokenPredictions:
    label_logit, hit, lse, mean = columns[:SCORED]
    sizes = np.asarray(counts(examples.tokens))
    return TokenPredictions(examples.ids, sizes, label_logit, hit, lse, mean, GRID, sums)


def _columns(
    task: GenerationTask,
    model: Any,
    processor: Any,
    examples: Examples,
    batch_size: int,
    k: int | None = None,
) -> "tuple[list[npt.NDArray[Any]], npt.NDArray[np.float64]]":
    """Columns of all supervised tokens in the order of the examples, and the sums over them.

    The columns are label logit, hit, LSE and mean; with k those of `TopK` after them.
    """
    import torch

    tokens = examples.tokens
    batches = longest_first(len(tokens), [len(example.input_ids) for example in tokens], batch_size)
    loader = batch_loader(task, processor, examples.encoded, batches)
    found = []
    own = zip(distributed.shard(batches), loader, strict=True)
    share = len(tokens) / machine.processes()
    for chosen, batch in with_progress(own, "token statistics", share, lambda one: len(one[0])):
        sums, scored = _score(task, model, batch, [examples.ids[at] for at in chosen], k)
        found.append((sums.cpu(), [column.cpu() for column in scored]))
    parts: dict[int, tuple[Any, ...]] = {}
    total = np.zeros((4, len(GRID)))
    for chosen, (sums, columns) in zip(batches, distributed.all_gather(found), strict=True):
        total += sums.numpy()  # batch by batch: the same sum in any number of processes
        sizes = counts([tokens[at] for at in chosen])
        pieces = [torch.split(column, sizes) for column in columns]
        parts.update(zip(chosen, zip(*pieces, strict=True), strict=True))
    width = len(parts[0])
    ordered = [
        np.concatenate([parts[at][place].numpy() for at in range(len(tokens))]) for place in range(width)
    ]
    return ordered, total


def _score(
    task: GenerationTask, model: Any, given: "Mapping[str, torch.Tensor]", ids: Sequence[str], k: int | None
) -> "tuple[torch.Tensor, list[torch.Tensor]]":
    """Sums over the tokens of a batch, and their columns."""
    import torch

    batch = {name: tensor.to(model.device) for name, tensor in given.items()}
    labels = batch.pop("labels")[0, 1:]
    with torch.inference_mode():
        logits = task.logits(model, batch)
        try:
            *scored, sums = token_sums(logits, labels, torch.from_numpy(np.asarray(GRID)))
        except ValueError as error:
            raise UserError(
                f"the model's logits for a row of {ids[0]} to {ids[-1]} are not finite ({error}); "
                "the weights are broken or overflow: fine-tune again with a lower learning rate"
            ) from error
        return sums, [*scored, *(reduce_logits(logits, labels, k) if k else ())]
