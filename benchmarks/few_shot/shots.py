"""Train rows as earlier turns of a prompt."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from teacherspec.tasks.shared.conversation_rows import ConversationRows

Pair = tuple[str, str]
"""A question and its answer."""


def task_with_shots(task: ConversationRows, context: int) -> ConversationRows:
    """The task with earlier turns in the column `history`.

    Args:
        task: the declared task, whose rows have one question.
        context: longest prompt and answer that the base reads, tokens.
    """
    columns = tuple(dict.fromkeys((*task.prompt_columns, "history")))
    return type(task).model_validate({**task.model_dump(), "prompt_columns": columns, "max_length": context})


def pairs_of(task: ConversationRows, rows: Sequence[Mapping[str, Any]]) -> list[Pair]:
    """Question and first answer of each row."""
    conversations = [task.conversation(row) for row in rows]
    return [(one.prompt[-1].content, one.answers[0]) for one in conversations]


def draw(pairs: Sequence[Pair], shots: int, generator: np.random.Generator) -> list[Pair]:
    """`shots` pairs with different questions, and different answers as far as there are such."""
    shuffled = [pairs[at] for at in generator.permutation(len(pairs))]
    by_answer: dict[str, Pair] = {}
    for pair in shuffled:
        by_answer.setdefault(pair[1], pair)
    by_question: dict[str, Pair] = {}
    for pair in (*by_answer.values(), *shuffled):
        by_question.setdefault(pair[0], pair)
    return list(by_question.values())[:shots]


def with_shots(
    rows: Sequence[Mapping[str, Any]], pairs: Sequence[Pair], shots: int, seed: int
) -> list[dict[str, Any]]:
    """The rows, each with its own draw of pairs as earlier turns, by seed and place alone."""
    return [
        {**row, "history": [list(pair) for pair in draw(pairs, shots, np.random.default_rng((seed, number)))]}
        for number, row in enumerate(rows)
    ]
