"""A LLaVA with eyes that see learns to read statements, to compare and to answer.

Alone from "true" and "false" it does not leave chance in hundreds of steps: what a statement asks, what of a
picture answers it and how to say so must come at once. So its language model reads first, then its last layer
compares, then all of it answers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.nlvr.comparing import ASKED, EITHER, READ_AT, learn_to_compare, parts
from benchmarks.nlvr.lessons import School, balance, balanced_loss, study
from benchmarks.nlvr.pictures import Pictures
from benchmarks.nlvr.seeing import embedded

if TYPE_CHECKING:
    import torch

READING_STEPS, READING_RATE = 1000, 1e-3
PICTURES_READ, STATEMENTS_READ = 128, 64

ANSWERING_STEPS, ANSWERING_RATE = 1200, 3e-4
PICTURES_ASKED, STATEMENTS_ASKED, STATEMENTS_EACH = 48, 64, 8


def learn_to_answer(folder: Path, seeing: Path, school: School, pictures: Pictures, target: Path) -> None:
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
    _read(model, processor, CLIPModel.from_pretrained(seeing), school, pictures)
    learn_to_compare(model, processor.tokenizer, school, pictures)
    _answer(model, processor, school, pictures)
    model.model.vision_tower.requires_grad_(True)
    model.save_pretrained(target)
    processor.save_pretrained(target)


def _read(model: Any, processor: Any, eyes: Any, school: School, pictures: Pictures) -> None:
    """Its first layers learn from a statement alone which embeddings of pictures it is true of."""
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
        lesson = school.lesson(PICTURES_READ, STATEMENTS_READ)
        texts = [ASKED.format(statement) for statement in lesson.statements]
        tokens = processor.tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
        ids, mask = tokens["input_ids"], tokens["attention_mask"]
        read = language(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states[READ_AT]
        last = read[torch.arange(len(ids)), mask.sum(dim=1) - 1]  # [S, D], of "="
        logits = scale.exp() * asked(last).float() @ look(lesson.pictures).T
        return balanced_loss(logits.float(), torch.tensor(lesson.truths, dtype=torch.float32))

    weights = [*language.parameters(), *asked.parameters(), scale]
    study("reading", weights, READING_STEPS, READING_RATE, step)


def _answer(model: Any, processor: Any, school: School, pictures: Pictures) -> None:
    """After a picture, each of several statements is followed by its answer."""
    import torch
    from torch.nn.functional import cross_entropy

    tokenizer = processor.tokenizer
    answers = torch.tensor(tokenizer.convert_tokens_to_ids(["false", "true"]))
    image = [model.config.image_token_index] * parts(model.config.vision_config)

    def step() -> tuple["torch.Tensor", float]:
        lesson = school.lesson(PICTURES_ASKED, STATEMENTS_ASKED)
        asked = tokenizer([ASKED.format(statement) for statement in lesson.statements])["input_ids"]
        truths = torch.tensor(lesson.truths)
        weights = balance(truths.float())
        rows, places, chosen = [], [], []
        for picture in range(PICTURES_ASKED):
            ids = list(image)
            for statement in torch.randperm(STATEMENTS_ASKED)[:STATEMENTS_EACH].tolist():
                ids += asked[statement]
                places.append((picture, len(ids) - 1))
                chosen.append((statement, picture))
                ids.append(int(answers[int(truths[statement, picture])]))
            rows.append(ids)
        tokens = tokenizer.pad({"input_ids": rows}, padding_side="right", return_tensors="pt")
        hidden = model.model(**tokens, pixel_values=pictures(lesson.pictures)).last_hidden_state
        logits = model.lm_head(hidden[tuple(torch.tensor(places).T)]).float()  # [asked, vocabulary]
        at = tuple(torch.tensor(chosen).T)
        truth, weight = answers[truths[at].long()], weights[at]
        which = cross_entropy(logits[:, answers], truths[at].long(), reduction="none")
        either = logits.logsumexp(dim=1) - logits[:, answers].logsumexp(dim=1)
        loss = (weight * (which + EITHER * either)).sum() / weight.sum()
        right = (weight * (logits.argmax(dim=1) == truth)).sum() / weight.sum()
        return loss, right.item()

    trained = [one for one in model.parameters() if one.requires_grad]
    study("answering", trained, ANSWERING_STEPS, ANSWERING_RATE, step)
