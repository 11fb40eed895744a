"""Inference for generation: statistics of the supervised tokens of a split, and generated answers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from teacherspec.errors import UserError
from teacherspec.inference.batch_loader import batch_loader, check_not_empty
from teacherspec.predictions.generation import TokenPredictions
from teacherspec.predictions.inverse_temperatures import GRID
from teacherspec.predictions.top_k_tokens import TopKTokens
from teacherspec.runtime import distributed
from teacherspec.runtime.length_batches import longest_first
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.text.decoding import Decoding, Generated, generate
from teacherspec.text.logit_moments import token_sums
from teacherspec.text.packing import Example, counts
from teacherspec.text.thoughts import ending_tokens, is_open
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
    for chosen, batch in zip(distributed.shard(batches), loader, strict=True):
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


def answer(
    task: GenerationTask,
    model: Any,
    processor: Any,
    rows: Sequence[dict[str, Any]],
    decoding: Decoding,
    batch_size: int,
) -> list[tuple[Generated, str]]:
    """The model's answers to the rows' prompts, as ids and as the text that counts.

    Args:
        task: the declared task.
        model: in eval mode.
        processor: of the model.
        rows: with the columns of the task.
        decoding: how answers are chosen.
        batch_size: prompts at once.
    """
    encoder, tokenizer = task.encoder(processor), task.tokenizer(processor)
    conversations = list(map(task.conversation, rows))
    prompts = [encoder.encode_prompt(one, task.max_length) for one in conversations]
    batches = longest_first(len(prompts), [len(prompt) for prompt in prompts], batch_size)

    def generated(chosen: Sequence[int]) -> list[Generated]:
        def vision_inputs(places: Sequence[int]) -> "Mapping[str, torch.Tensor]":
            images = [image for place in places for image in conversations[chosen[place]].images]
            return task.vision_inputs(processor, images)

        return generate(
            model,
            [prompts[at] for at in chosen],
            [str(rows[at]["id"]) for at in chosen],
            decoding,
            stop_ids=sorted({encoder.stop_id, *_ends(model)}),
            pad_id=tokenizer.pad_token_id,
            batch_size=batch_size,
            vision_inputs=vision_inputs,
        )

    answered = [generated(chosen) for chosen in distributed.shard(batches)]
    by_row = {
        at: one
        for chosen, answers in zip(batches, distributed.all_gather(answered), strict=True)
        for at, one in zip(chosen, answers, strict=True)
    }
    found = [by_row[at] for at in range(len(rows))]
    return [
        (one, reply(task, tokenizer, prompt, one.ids)) for prompt, one in zip(prompts, found, strict=True)
    ]


def reply(task: GenerationTask, tokenizer: Any, prompt: Sequence[int], ids: Sequence[int]) -> str:
    """The text of answered ids that is compared with references."""
    ends = ending_tokens(tokenizer) if task.learns_thoughts else frozenset()
    after = next((len(ids) - at for at, token in enumerate(reversed(ids)) if token in ends), 0)
    opened = not after and task.learns_thoughts and is_open(tokenizer.decode(prompt))
    return task.reply(text(tokenizer, [*prompt, *ids[:after]], ids[after:]), opened=opened)


def text(tokenizer: Any, prompt: Sequence[int], ids: Sequence[int]) -> str:
    """The text of answered ids, as it continues its prompt: tokens may begin within a word."""
    before = tokenizer.decode(prompt, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    whole = tokenizer.decode([*prompt, *ids], skip_special_tokens=True, clean_up_tokenization_spaces=False)
    # Half a character at the end of a prompt may become a whole one with the first token of the answer.
    return str(
        whole[len(before) :] if whole.startswith(before) else tokenizer.decode(ids, skip_special_tokens=True)
    )


def answer_examples(
    task: GenerationTask, processor: Any, rows: Sequence[dict[str, Any]], answers: Sequence[Generated]
) -> list[Example]:
    """Prompts with their answers, of which the answers are supervised.

    An answer that stopped has its stop token.
    """
    encoder = task.encoder(processor)
    examples = []
    for row, found in zip(rows, answers, strict=True):
        prompt = encoder.encode_prompt(task.conversation(row), task.max_length)
        ids = [*found.ids, *([encoder.stop_id] if found.stopped else [])]
        examples.append(Example([*prompt, *ids], [0] * len(prompt) + [1] * len(ids)))
    return examples


def answer_log_probs(
    task: GenerationTask,
    model: Any,
    processor: Any,
    rows: Sequence[dict[str, Any]],
    tokens: Sequence[Example],
    batch_size: int,
) -> Iterator[tuple[float, ...]]:
    """Mean log-probability `[G]` at each β of the grid of the tokens of each answer, nats.

    An empty answer that did not stop has none and is impossible.

    Args:
        task: the declared task.
        model: in eval mode.
        processor: of the model.
        rows: of the prompts.
        tokens: prompts and answers, see `answer_examples`.
        batch_size: answers of one forward pass.
    """
    examples = [
        {**{name: row[name] for name in task.image_columns}, **one._asdict()}
        for row, one in zip(rows, tokens, strict=True)
    ]
    named = Examples(examples, tokens, [str(row["id"]) for row in rows])
    scored = score_examples(task, model, processor, named, batch_size)
    log_probs = scored.betas * scored.label_logit[:, None] - scored.lse
    starts = np.concatenate(([0], np.cumsum(scored.tokens)[:-1]))
    for mean in np.add.reduceat(log_probs, starts, axis=0) / scored.tokens[:, None]:
        yield tuple(mean.tolist())


def _ends(model: Any) -> list[int]:
    """The tokens with which the model's own settings end an answer."""
    ends = model.generation_config.eos_token_id
    return ends if isinstance(ends, list) else [ends] if ends is not None else []
