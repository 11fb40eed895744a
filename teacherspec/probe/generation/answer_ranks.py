"""How a student that exists ranks the tokens of the answers that the teacher wrote itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from teacherspec.metrics.rank_surprisal import RankSurprisal, rank_surprisal
from teacherspec.predictions.generation import Answer

FEWEST = 2
"""Answers without which there is no interval."""


def rank_answers(model: Any, answers: Sequence[Answer], confidence: float) -> RankSurprisal | None:
    """The rank-surprisal ratio of the teacher's answers; None where it wrote too few, or
    none of them surprises the student.

    Args:
        model: the student before any training.
        answers: greedy ones, with their tokens.
        confidence: level of the interval.
    """
    written = [one for one in answers if one.tokens and len(one.input_ids) > one.tokens]
    if len(written) < FEWEST:
        return None
    ranks, nll = [], []
    model.eval()
    with torch.inference_mode():
        for one in written:
            ids = torch.tensor([one.input_ids])
            logs = functional.log_softmax(model(input_ids=ids).logits[0, -one.tokens - 1 : -1].float(), dim=1)
            own = logs.gather(1, ids[0, -one.tokens :, None])
            ranks.append(1 + (logs > own).sum(1).numpy())
            nll.append(-own[:, 0].double().numpy())
    text = np.repeat(np.arange(len(written)), [one.tokens for one in written])
    surprisal = np.concatenate(nll)
    if not surprisal.any():
        return None
    return rank_surprisal(np.concatenate(ranks), surprisal, text, confidence=confidence)
