"""Classes that a dual encoder cannot distinguish, because the embeddings of their prompts are the same.

Equal words, words that the tokenizer does not know, prompts cut before they differ, a text tower that takes
its output at the wrong token: one comparison of the embeddings finds all of them.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from teacherspec.tasks.shared.dual_encoder_model import DualProcessor

if TYPE_CHECKING:
    import torch

SAME_DISTANCE = 1e-5
"""Distance of two embeddings of length 1 below which they are the same; of equal prompts it is below 1e-6."""

PAIRS_SHOWN = 5


def same_classes(
    model: Any, processor: DualProcessor, texts: Sequence[str], embeddings: "torch.Tensor"
) -> Iterator[str]:
    """Problems with classes whose embeddings are the same, each with its cause.

    Args:
        model: both towers.
        processor: with the names of C classes.
        texts: the prompts of the first class, then of the second, and so on: C·T.
        embeddings: `[C, D]` of the classes, of length 1.
    """
    import torch

    names, templates = processor.names, len(texts) // len(processor.names)
    vectors = embeddings.double()
    # |a - b|² = 2 - 2 a·b for vectors of length 1; one row at a time, so that memory grows with C alone.
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    equal = [
        (first, first + 1 + int(other))
        for first, row in enumerate(unit)
        for other in torch.nonzero((unit[first + 1 :] - row).norm(dim=1) < SAME_DISTANCE).flatten()
    ]
    by_class = [texts[at * templates : (at + 1) * templates] for at in range(len(names))]
    for first, second in equal[:PAIRS_SHOWN]:
        cause = _cause(model, processor, by_class[first], by_class[second])
        yield f"task: classes {names[first]!r} and {names[second]!r} {cause}"
    if len(equal) > PAIRS_SHOWN:
        pairs = len(names) * (len(names) - 1) // 2
        yield f"task: {len(equal)} of {pairs} pairs of classes have the same embedding"


def _cause(model: Any, processor: DualProcessor, first: Sequence[str], second: Sequence[str]) -> str:
    """Why the prompts of two classes have one embedding, and what to do."""
    if list(first) == list(second):
        return f"have the same prompt {first[0]!r}; give one of them other words by task.phrases"
    whole = [processor.tokenizer(list(texts))["input_ids"] for texts in (first, second)]
    if whole[0] == whole[1]:
        return (
            f"have the same tokens: the tokenizer does not distinguish {first[0]!r} from {second[0]!r}; give "
            "one of them other words by task.phrases, or choose another base"
        )
    cut, other = (processor.tokens(texts)["input_ids"].tolist() for texts in (first, second))
    if cut == other:
        return (
            f"have the same tokens: their prompts differ after the {processor.max_length} tokens of "
            "task.max_length; shorten task.templates, or raise it"
        )
    stated = getattr(model.config.get_text_config(), "eos_token_id", None)
    return (
        f"have the same embedding, though their prompts {first[0]!r} and {second[0]!r} differ: the text "
        f"tower takes it from another token; its end token in config.json, text_config.eos_token_id, is "
        f"{stated}, that of the tokenizer {processor.tokenizer.eos_token_id}; make them agree, or choose "
        "another base"
    )
