"""A LLaVA with eyes that see learns to read statements, to compare and to answer.

Alone from "true" and "false" it does not leave chance in hundreds of steps: what a statement asks, what of a
picture answers it and how to say so must come at once. So its language model reads first, then its last layer
compares, then all of it answers.
"""

from pathlib import Path

from benchmarks.nlvr.answering import learn_to_answer
from benchmarks.nlvr.comparing import learn_to_compare
from benchmarks.nlvr.lessons import School
from benchmarks.nlvr.pictures import Pictures
from benchmarks.nlvr.reading import learn_to_read


def teach(folder: Path, seeing: Path, school: School, pictures: Pictures, target: Path) -> None:
    """Teach a LLaVA to write after a picture and a statement whether it is true.

    Args:
        folder: the LLaVA, with the vision tower of `seeing` and an untrained language model.
        seeing: a CLIP that knows what is true of pictures.
        school: draws statements.
        pictures: what is shown.
        target: folder to save it to.
    """
    import torch
    from transformers import CLIPModel, LlavaForConditionalGeneration, LlavaProcessor

    torch.manual_seed(0)
    model = LlavaForConditionalGeneration.from_pretrained(folder, attn_implementation="eager")
    processor = LlavaProcessor.from_pretrained(folder)
    model.train()
    model.model.vision_tower.requires_grad_(False)
    learn_to_read(model, processor.tokenizer, CLIPModel.from_pretrained(seeing), school, pictures)
    learn_to_compare(model, processor.tokenizer, school, pictures)
    learn_to_answer(model, processor.tokenizer, school, pictures)
    model.model.vision_tower.requires_grad_(True)
    model.save_pretrained(target)
    processor.save_pretrained(target)
