"""Fewer rows of embedding and head, where a base has more than its tokenizer has tokens.

Bases pad them to a round number: Qwen 2.5 has 152,064 rows at 7 billion parameters and 151,936 at half a
billion, with one tokenizer. Trainers of students refuse to compare distributions of different width.
"""

from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.package.vocab_fingerprint import vocabulary
from teacherspec.spec.package import Package
from teacherspec.tasks.shared.hf_saving import save_pretrained


def require_vocabulary(section: Package, model: Path) -> None:
    """Refuse a declaration that does not fit the vocabulary of a model folder.

    Raises:
        UserError: it asks for rows that are not there or takes those of tokens, or for too many tokens.
    """
    found = vocabulary(model)
    if found is not None and found["rows"] is not None:
        problems = list(section.vocabulary_problems(found["rows"], found["highest_id"] + 1))
    else:
        none = "package.trim_vocabulary: this teacher has no vocabulary; drop the key"
        problems = [none] * (section.trim_vocabulary is not None)
    if problems:
        raise UserError(problems)


def trim_vocabulary(task: Any, source: Path, rows: int, target: Path) -> int:
    """Write the model in `source` to the new folder `target` with `rows` rows of embedding and head.

    Args:
        task: the declared task, whose model has a vocabulary.
        source: a fine-tuned model folder.
        rows: how many are kept, from the first on; `require_vocabulary` found them fit.
        target: folder to create.

    Returns:
        The number of parameters that are left.
    """
    model, processor = task.load(source)
    model.resize_token_embeddings(rows, mean_resizing=False)
    save_pretrained(model, processor, target)
    return int(model.num_parameters())
