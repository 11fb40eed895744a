"""What candidates for a language model are ranked by: the bits they need for a byte of the answers."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.candidates.scores import Scores, mean_over_rows
from teacherspec.base.generation.baseline import SCORED_AT_ONCE, SCORED_ROWS
from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.inference.generation import predict_tokens
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.tasks.shared.interfaces.model import Row

if TYPE_CHECKING:
    from datasets import Dataset


def candidate_scores(
    task: GenerationTask, model: Any, processor: Any, _train: "Dataset", validation: "Dataset"
) -> Scores:
    """Bits per byte of the supervised text of validation rows.

    Perplexity a token depends on how long tokens are, so it does not compare bases with different
    tokenizers; the bytes of a text are the same for all (Gao et al. 2021, arXiv 2101.00027, section 3.1).
    Tokens that end an answer are counted in its bits.

    Args:
        task: the declared task.
        model: of the candidate.
        processor: of the model.
        _train: nothing is fitted.
        validation: rows that are scored.
    """
    rows = sample(validation, SCORED_ROWS, SEED)
    found = predict_tokens(task, model, processor, rows, SCORED_AT_ONCE)
    bits = np.bincount(found.row, weights=found.nll(), minlength=len(rows)) / math.log(2)
    sizes = [supervised_bytes(task, row) for row in rows]
    return {"bits_per_byte": mean_over_rows(bits, sizes, higher_is_better=False)}


def supervised_bytes(task: GenerationTask, row: Row) -> int:
    """Bytes in UTF-8 of what the assistant says in a row."""
    turns = task.conversation(row).turns()
    return sum(len(turn.content.encode()) for turn in turns if turn.role == "assistant" and turn.learned)
