"""A LLaVA that reads and compares learns to answer: several statements on each picture of a step.

In one sequence, each statement sees the picture and itself, at the positions it would have alone: a picture
passes the model once, and what is learned is what the model does with one statement. Had statements seen each
other, the model would stay where it is right on two of three.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.nlvr.comparing import ASKED, EITHER, parts
from benchmarks.nlvr.lessons import School, balance, study
from benchmarks.nlvr.pictures import Pictures

if TYPE_CHECKING:
    import torch

STEPS, LEARNING_RATE = 600, 5e-4
PICTURES, STATEMENTS, STATEMENTS_EACH = 48, 64, 8
PICTURE, PADDING = 0, -1
"""What a token belongs to, if not to the first, second, ... statement."""


@dataclass(frozen=True)
class Packed:
    """Sequences of a picture and statements that do not see each other."""

    ids: "torch.Tensor"
    """[P, T], padded on the right."""

    positions: "torch.Tensor"
    """[P, T]; of every statement from the end of the picture on."""

    mask: "torch.Tensor"
    """[P, 1, T, T], added to attention: 0 for what a token sees."""

    ends: tuple["torch.Tensor", "torch.Tensor"]
    """Row and place of the last token of each statement, [P x K] each, row by row."""


def packed(image: Sequence[int], statements: Sequence[Sequence[Sequence[int]]], padding: int) -> Packed:
    """Put statements on the same picture into one sequence.

    Args:
        image: tokens of a picture.
        statements: [P, K], tokens of the statements on each picture.
        padding: token.
    """
    import torch

    ids, positions, owners, ends = [], [], [], []
    for row, texts in enumerate(statements):
        tokens, places, whose = list(image), list(range(len(image))), [PICTURE] * len(image)
        for number, text in enumerate(texts, start=PICTURE + 1):
            tokens += text
            places += range(len(image), len(image) + len(text))
            whose += [number] * len(text)
            ends.append((row, len(tokens) - 1))
        ids.append(tokens)
        positions.append(places)
        owners.append(whose)
    owner = _padded(owners, PADDING)
    sees = (owner[:, None, :] == owner[:, :, None]) | (owner[:, None, :] == PICTURE)  # [P, T, T]
    sees = sees.tril()
    mask = torch.zeros(sees.shape).masked_fill(~sees, torch.finfo(torch.float32).min)[:, None]
    rows, last = torch.tensor(ends).T
    return Packed(_padded(ids, padding), _padded(positions, 0), mask, (rows, last))


def learn_to_answer(model: Any, tokenizer: Any, school: School, pictures: Pictures) -> None:
    """Train all of a LLaVA but what is frozen."""
    import torch
    from torch.nn.functional import cross_entropy

    answers = torch.tensor(tokenizer.convert_tokens_to_ids(["false", "true"]))
    image = [model.config.image_token_index] * parts(model.config.vision_config)

    def step() -> tuple["torch.Tensor", float]:
        lesson = school.lesson(PICTURES, STATEMENTS)
        texts = tokenizer([ASKED.format(statement) for statement in lesson.statements])["input_ids"]
        chosen = torch.stack(
            [torch.randperm(STATEMENTS)[:STATEMENTS_EACH] for _ in range(PICTURES)]
        )  # [P, K]
        asked = packed(
            image, [[texts[one] for one in row] for row in chosen.tolist()], tokenizer.pad_token_id
        )
        hidden = model.model(
            input_ids=asked.ids,
            attention_mask=asked.mask,
            position_ids=asked.positions,
            pixel_values=pictures(lesson.pictures),
        ).last_hidden_state
        logits = model.lm_head(hidden[asked.ends]).float()  # [P x K, vocabulary]
        truths, pairs = torch.tensor(lesson.truths), (chosen.flatten(), asked.ends[0])
        truth, weight = truths[pairs].long(), balance(truths.float())[pairs]
        which = cross_entropy(logits[:, answers], truth, reduction="none")
        either = logits.logsumexp(dim=1) - logits[:, answers].logsumexp(dim=1)
        loss = (weight * (which + EITHER * either)).sum() / weight.sum()
        right = (weight * (logits.argmax(dim=1) == answers[truth])).sum() / weight.sum()
        return loss, right.item()

    trained = [one for one in model.parameters() if one.requires_grad]
    study("answering", trained, STEPS, LEARNING_RATE, step)


def _padded(rows: Sequence[Sequence[int]], value: int) -> "torch.Tensor":
    import torch

    longest = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows])
