"""The first layers of a LLaVA learn from a statement alone which pictures it is true of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.nlvr.comparing import ASKED, READ_AT
from benchmarks.nlvr.lessons import School, balanced_loss, study
from benchmarks.nlvr.pictures import Pictures
from benchmarks.nlvr.seeing import embedded

if TYPE_CHECKING:
    import torch

STEPS, LEARNING_RATE = 1000, 1e-3
PICTURES, STATEMENTS = 128, 64


def learn_to_read(model: Any, tokenizer: Any, eyes: Any, school: School, pictures: Pictures) -> None:
    """Train the layers that read by the embeddings of pictures.

    Args:
        model: the LLaVA.
        tokenizer: its tokenizer.
        eyes: a CLIP that knows what is true of pictures.
        school: draws statements.
        pictures: what is shown.
    """
    import torch

    language = model.model.language_model
    width = eyes.config.projection_dim
    asked = torch.nn.Sequential(torch.nn.LayerNorm(width), torch.nn.Linear(width, width))
    scale = torch.nn.Parameter(eyes.logit_scale.detach().clone())
    shown: dict[str, torch.Tensor] = {}

    def look(names: Sequence[str]) -> "torch.Tensor":
        if new := [name for name in names if name not in shown]:
            with torch.no_grad():
                shown.update(zip(new, embedded(eyes, pictures(new)), strict=True))
        return torch.stack([shown[name] for name in names])

    def step() -> tuple["torch.Tensor", float]:
        lesson = school.lesson(PICTURES, STATEMENTS)
        texts = [ASKED.format(statement) for statement in lesson.statements]
        tokens = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
        ids, mask = tokens["input_ids"], tokens["attention_mask"]
        read = language(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states[READ_AT]
        last = read[torch.arange(len(ids)), mask.sum(dim=1) - 1]  # [S, D], of "="
        logits = scale.exp() * asked(last).float() @ look(lesson.pictures).T
        return balanced_loss(logits.float(), torch.tensor(lesson.truths, dtype=torch.float32))

    study("reading", [*language.parameters(), *asked.parameters(), scale], STEPS, LEARNING_RATE, step)
