"""The last layer of a LLaVA learns to compare what was read with what is seen, on all truths of a step.

As if statements did not look at the picture before that layer: then what was read of a statement is the same
for all pictures, what is seen of a picture the same for all statements, and only the last layer, at the last
token, is computed for each pair.
"""

from typing import TYPE_CHECKING, Any

from benchmarks.nlvr.bases import ANSWERING_LAYERS
from benchmarks.nlvr.lessons import School, balanced_loss, study
from benchmarks.nlvr.pictures import Pictures

if TYPE_CHECKING:
    import torch

STEPS, LEARNING_RATE = 1500, 2e-3
PICTURES, STATEMENTS = 48, 64
READ_AT = ANSWERING_LAYERS - 1
"""Layer after which a statement is read."""
ASKED = "{} ="
"""As `llava.yaml` frames a prompt."""
EITHER = 0.02
"""Weight of that the answer is one of the two words, beside which of them."""


def learn_to_compare(model: Any, tokenizer: Any, school: School, pictures: Pictures) -> None:
    """Train what follows the layers of a LLaVA that read, and what shows them a picture."""
    import torch

    answers = torch.tensor(tokenizer.convert_tokens_to_ids(["false", "true"]))

    def step() -> tuple["torch.Tensor", float]:
        lesson = school.lesson(PICTURES, STATEMENTS)
        texts = [ASKED.format(statement) for statement in lesson.statements]
        tokens = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
        logits = compared(model, tokens["input_ids"], tokens["attention_mask"], pictures(lesson.pictures))
        which = logits[..., answers[1]] - logits[..., answers[0]]
        loss, right = balanced_loss(which, torch.tensor(lesson.truths, dtype=torch.float32))
        either = (logits.logsumexp(dim=-1) - logits[..., answers].logsumexp(dim=-1)).mean()
        return loss + EITHER * either, right

    language = model.model.language_model
    reading = torch.nn.ModuleList([language.embed_tokens, *language.layers[:READ_AT]])
    reading.requires_grad_(False)
    trained = [one for one in model.parameters() if one.requires_grad]
    study("comparing", trained, STEPS, LEARNING_RATE, step)
    reading.requires_grad_(True)


def compared(model: Any, ids: "torch.Tensor", mask: "torch.Tensor", pixels: "torch.Tensor") -> "torch.Tensor":
    """Logits [S, P, V] of the next token after each statement on each picture.

    Args:
        model: a LLaVA on Llama.
        ids: [S, T], tokens of statements, padded on the right.
        mask: [S, T], of these tokens.
        pixels: [P, 3, H, W].
    """
    import torch

    language, last = model.model.language_model, mask.sum(dim=1) - 1
    shown = _at(language, READ_AT, inputs_embeds=_seen(model, pixels))  # [P, I, D]
    start = shown.shape[1]
    said = _at(
        language,
        READ_AT,
        input_ids=ids,
        attention_mask=mask,
        position_ids=(start + torch.arange(ids.shape[1]))[None].expand_as(ids),
    )  # [S, T, D]
    layer, rows = language.layers[READ_AT], torch.arange(len(ids))
    attention = layer.self_attn
    seen_keys, seen_values = _keys(language, layer, shown, 0)  # [P, I, H, d]
    said_keys, said_values = _keys(language, layer, said, start)  # [S, T, H, d]
    asked = _heads(attention, attention.q_proj(layer.input_layernorm(said)))
    asked = _turned(language, asked, start)[rows, last] * attention.scaling  # [S, H, d]
    to_seen = torch.einsum("shd,pihd->sphi", asked, seen_keys).float()
    to_said = torch.einsum("shd,sthd->sht", asked, said_keys).float()
    to_said = to_said.masked_fill(mask[:, None] == 0, -torch.inf)[:, None].expand(-1, len(pixels), -1, -1)
    shares = torch.cat([to_seen, to_said], dim=-1).softmax(dim=-1).split([start, ids.shape[1]], dim=-1)
    found = torch.einsum("sphi,pihd->sphd", shares[0], seen_values.float())
    found = found + torch.einsum("spht,sthd->sphd", shares[1], said_values.float())
    state = said[rows, last][:, None] + attention.o_proj(found.flatten(start_dim=2))  # [S, P, D]
    state = state + layer.mlp(layer.post_attention_layernorm(state))
    logits: torch.Tensor = model.lm_head(language.norm(state)).float()
    return logits


def parts(vision: Any) -> int:
    """Image tokens of a picture: its patches, and their sum."""
    return int((vision.image_size // vision.patch_size) ** 2 + 1)


def _seen(model: Any, pixels: "torch.Tensor") -> "torch.Tensor":
    """Image tokens [P, I, D] as the language model gets them."""
    import torch

    with torch.no_grad():
        tower = model.model.vision_tower(pixels).last_hidden_state
    seen: torch.Tensor = model.model.multi_modal_projector(tower)
    return seen


def _at(language: Any, layer: int, **given: Any) -> "torch.Tensor":
    """Hidden states after a layer."""
    states: torch.Tensor = language(**given, output_hidden_states=True).hidden_states[layer]
    return states


def _heads(attention: Any, projected: "torch.Tensor") -> "torch.Tensor":
    """[N, T, H x d] as [N, T, H, d]."""
    return projected.unflatten(-1, (-1, attention.head_dim))


def _keys(
    language: Any, layer: Any, states: "torch.Tensor", start: int
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Keys and values [N, T, H, d] of states [N, T, D] from position `start` on."""
    attention, normed = layer.self_attn, layer.input_layernorm(states)
    keys = _turned(language, _heads(attention, attention.k_proj(normed)), start)
    return keys, _heads(attention, attention.v_proj(normed))


def _turned(language: Any, heads: "torch.Tensor", start: int) -> "torch.Tensor":
    """Heads [N, T, H, d] with their positions from `start` on (rotary embeddings)."""
    import torch
    from transformers.models.llama.modeling_llama import rotate_half

    positions = (start + torch.arange(heads.shape[1]))[None]
    cosine, sine = (part[:, :, None] for part in language.rotary_emb(heads, positions))  # [1, T, 1, d]
    turned: torch.Tensor = heads * cosine + rotate_half(heads) * sine
    return turned
