"""Answers that a language model generates, and how likely it finds them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.inference.generation import Examples, score_examples
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.length_batches import longest_first
from teacherspec.runtime.progress import with_progress
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.text.decoding import Decoding, Generated, generate
from teacherspec.text.packing import Example
from teacherspec.text.thoughts import ending_tokens, is_open

if TYPE_CHECKING:
    import torch


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

    own = with_progress(
        distributed.shard(batches), "answers", len(rows) / machine.processes(), len, "answers"
    )
    answered = [generated(chosen) for chosen in own]
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
