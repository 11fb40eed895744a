"""Fewer rows of embedding and head, where a base has more than its tokenizer has tokens.

Bases pad them to a round number: Qwen 2.5 has 152,064 rows at 7 billion parameters and 151,936 at half a
billion, with one tokenizer. Trainers of students refuse to compare distributions of different width.
"""

from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.package.vocab_fingerprint import vocabulary
from teacherspec.tasks.shared.hf_saving import save_pretrained


def trim_vocabulary(task: Any, source: Path, rows: int, target: Path) -> int:
    """Write the model in `source` to the new folder `target` with `rows` rows of embedding and head.

    Args:
        task: the declared task, whose model has a vocabulary.
        source: a fine-tuned model folder.
        rows: how many are kept, from the first on.
        target: folder to create.

    Returns:
        The number of parameters that are left.

    Raises:
        UserError: there are not so many rows, or a token would lose its own.
    """
    found = vocabulary(source)
    if found is None or found["rows"] is None:
        raise UserError("package.trim_vocabulary: this teacher has no vocabulary; drop the key")
    if not found["highest_id"] < rows <= found["rows"]:
        raise UserError(
            f"package.trim_vocabulary: given {rows}; allowed: {found['highest_id'] + 1} (the highest token "
            f"id is {found['highest_id']}) to {found['rows']} (the rows of the model)"
        )
    model, processor = task.load(source)
    model.resize_token_embeddings(rows, mean_resizing=False)
    save_pretrained(model, processor, target)
    return int(model.num_parameters())
