"""A CLIP from scratch learns what is true of pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.nlvr.lessons import School, balanced_loss, study
from benchmarks.nlvr.pictures import Pictures

if TYPE_CHECKING:
    import torch

STEPS, LEARNING_RATE = 3000, 3e-4
PICTURES, STATEMENTS = 64, 96
NOT = "not:"
"""What `clip.yaml` puts before a statement that is false."""


def embedded(model: Any, pixels: "torch.Tensor") -> "torch.Tensor":
    """Pictures [P, D], of length 1."""
    from torch.nn.functional import normalize

    pooled = model.vision_model(pixel_values=pixels).pooler_output
    return normalize(model.visual_projection(pooled).float(), dim=-1)


def said(model: Any, tokenizer: Any, texts: Sequence[str]) -> "torch.Tensor":
    """Texts [S, D], of length 1."""
    from torch.nn.functional import normalize

    tokens = tokenizer(list(texts), padding=True, return_tensors="pt")
    pooled = model.text_model(tokens["input_ids"], attention_mask=tokens["attention_mask"]).pooler_output
    return normalize(model.text_projection(pooled).float(), dim=-1)


def learn_to_see(folder: Path, school: School, pictures: Pictures, target: Path) -> None:
    """Teach a CLIP to tell "<statement>" from "not: <statement>" by pictures, as `clip.yaml` will ask it to.

    Args:
        folder: the CLIP, untrained.
        school: draws statements.
        pictures: what is shown.
        target: folder to save it to.
    """
    import torch
    from transformers import CLIPModel, CLIPProcessor

    torch.manual_seed(0)
    model = CLIPModel.from_pretrained(folder, attn_implementation="eager")  # bf16 on CPU: faster than fused
    processor = CLIPProcessor.from_pretrained(folder)

    def step() -> tuple["torch.Tensor", float]:
        lesson = school.lesson(PICTURES, STATEMENTS)
        denied = [f"{NOT} {statement}" for statement in lesson.statements]
        texts = said(model, processor.tokenizer, lesson.statements) - said(model, processor.tokenizer, denied)
        logits = model.logit_scale.exp() * texts @ embedded(model, pictures(lesson.pictures)).T
        return balanced_loss(logits.float(), torch.tensor(lesson.truths, dtype=torch.float32))

    model.train()
    study("seeing", model.parameters(), STEPS, LEARNING_RATE, step)
    model.save_pretrained(target)
    processor.save_pretrained(target)
