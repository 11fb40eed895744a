"""How a language model's base suits instruction data: end token, chat template, lengths of answers."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.errors import BaseModelError
from teacherspec.tasks.shared.text_report import count_unknown, describe_lengths, length_report
from teacherspec.text.chat_rendering import ChatRenderer, Renderer
from teacherspec.text.chat_template import chosen_template, options
from teacherspec.text.conversation import Conversation, Turn
from teacherspec.text.tokenization import Encoder, special_texts

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase


def end_token(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Text of the tokenizer's end token.

    Raises:
        BaseModelError: it has none.
    """
    if tokenizer.eos_token is None:
        raise BaseModelError(
            "task.rendering: the base's tokenizer has no end token; declare stop: one of "
            f"{', '.join(special_texts(tokenizer)) or 'none is known'}"
        )
    return str(tokenizer.eos_token)


def set_generation_config(model: Any, tokenizer: "PreTrainedTokenizerBase", stop_id: int) -> None:
    """Set which tokens end an answer for anyone who generates with the model; sample without changes."""
    from transformers import GenerationConfig

    ends = model.generation_config.eos_token_id
    known = ends if isinstance(ends, list) else [ends] if ends is not None else []
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=sorted({stop_id, *known}),
        pad_token_id=tokenizer.pad_token_id,
    )
    model.config.pad_token_id = tokenizer.pad_token_id


def padded_left(prompts: Sequence[Sequence[int]], pad_id: int) -> "Mapping[str, torch.Tensor]":
    """`input_ids`, `attention_mask` and `position_ids` `[B, L]`, each prompt at the right end."""
    import torch

    width = max(map(len, prompts))
    ids = torch.tensor([[pad_id] * (width - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions}


def losses_and_hits(logits: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
    """Loss (nats) and top-1 hit a token: `[U, V]` and labels `[1, 1 + U]` → `[1, 1 + U, 2]`, first 0."""
    import torch

    targets = labels[0, 1:]
    losses = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
    hits = (logits.argmax(dim=1) == targets).float()
    return torch.nn.functional.pad(torch.stack([losses, hits], dim=1), (0, 0, 1, 0)).unsqueeze(0)


def rendering_report(
    encoder: Encoder,
    encoded: "Mapping[str, Dataset]",
    texts: Mapping[str, Sequence[str]],
    max_length: int,
) -> dict[str, Any]:
    """Lengths of each split without truncation, and its supervised tokens; JSON-able.

    Args:
        encoder: of the task.
        encoded: split name → rows encoded without a limit.
        texts: split name → the contents of all turns of its rows.
        max_length: `task.max_length`, tokens.
    """
    tokenizer = encoder.tokenizer
    data = {}
    for name, rows in encoded.items():
        supervised = [sum(row) for row in rows["supervised"]]
        data[name] = {
            **length_report(
                rows["length"][:], max_length, count_unknown(tokenizer.unk_token_id, rows["input_ids"])
            ),
            "supervised_tokens": sum(supervised),
            "longest_answer": max(supervised),
            "boundary_splits": int(np.count_nonzero(rows["split"])),
            "unlearned_answers": sum(rows["unlearned"]),
            "round_trip": _round_trips(tokenizer, texts[name]),
        }
    return {
        "data": data,
        "chat_template": tokenizer.chat_template is not None,
        "stop_token": {"text": encoder.renderer.stop, "id": encoder.stop_id},
    }


def template_report(
    tokenizer: "PreTrainedTokenizerBase", renderer: Renderer, today: date | None
) -> dict[str, Any]:
    """What decides the text around a conversation besides its messages; JSON-able.

    Args:
        tokenizer: with the chat template that is packaged.
        renderer: of the task.
        today: the declared day.
    """
    question = "?"
    prompt = renderer.prompt(Conversation((Turn("user", question),), ()))
    found: dict[str, Any] = {"before_answer": prompt.rpartition(question)[2], "today": today and str(today)}
    if not isinstance(renderer, ChatRenderer):
        return found
    read = options(chosen_template(tokenizer.chat_template, None, None))
    tokens = {name for name in read if name.endswith("_token")}
    absent = sorted(tokens - set(tokenizer.special_tokens_map))
    return {**found, "options": sorted(read - tokens), "absent_tokens": absent}


def _round_trips(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str]) -> float:
    """Share of texts that decode from their tokens unchanged, ignoring white space around them."""
    ids = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    back = [tokenizer.decode(row, clean_up_tokenization_spaces=False) for row in ids]
    same = [text.strip() == other.strip() for text, other in zip(texts, back, strict=True)]
    return float(np.mean(same))


def describe(fit: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown on lengths and supervised tokens."""
    yield from describe_lengths(fit)
    template = "has a chat template" if fit["chat_template"] else "has no chat template"
    stop = fit["stop_token"]
    yield f"The base {template}. An answer ends with `{stop['text']}` (id {stop['id']}), supervised too.\n"
    yield from _describe_template(fit["rendering"])
    yield "| split | tokens | supervised | longest answer | rows split at a boundary | round trip |"
    yield "|---|--:|--:|--:|--:|--:|"
    for name, data in fit["data"].items():
        share = f"{data['supervised_tokens']} ({data['supervised_tokens'] / data['tokens']:.0%})"
        cells = f"{data['longest_answer']} | {data['boundary_splits']} | {data['round_trip']:.1%}"
        yield f"| {name} | {data['tokens']} | {share} | {cells} |"
    yield ""
    for name, data in fit["data"].items():
        if count := data["unlearned_answers"]:
            yield (
                f"- {name}: {count} earlier answers are read but not learned: the chat template writes them "
                "differently from what inference would give.\n"
            )


def _describe_template(rendering: Mapping[str, Any]) -> Iterator[str]:
    """What the text of a prompt depends on besides its messages."""
    yield f"Written before every answer, as part of the prompt: `{rendering['before_answer']!r}`.\n"
    if rendering["today"]:
        yield f"The chat template writes a day; for this teacher it is always {rendering['today']}.\n"
    if left := rendering.get("options"):
        yield f"Options of the chat template, all left out in training: {', '.join(left)}.\n"
    for name in rendering.get("absent_tokens", ()):
        yield f"- The chat template asks for `{name}`, which this tokenizer lacks: nothing is written.\n"
