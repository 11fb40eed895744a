"""A tiny packaged language model with a chat template and stored soft targets."""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

from teacherspec.files import write_json
from teacherspec.package.model_folder import pack_model
from teacherspec.package.token_targets import Stored, write_token_targets
from tests.package.conftest import road

__all__ = ["road"]

WORDS = (
    "<pad>",
    "<unk>",
    "<user>",
    "<assistant>",
    "<end>",
    "cat",
    "dog",
    "a",
    "runs",
    "sleeps",
    "why",
    "who",
    "?",
)
TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} <end> {% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
CONVERSATIONS = (
    ("who runs ?", "a cat runs"),
    ("why ?", "dog sleeps"),
    ("who sleeps ?", "a dog"),
    ("who ?", "cat"),
)
K = 8
MESSAGES = pa.field(
    "messages", pa.list_(pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())]))
)


def chat_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", eos_token="<end>"
    )
    made.chat_template = TEMPLATE
    return made


def tiny_llama(seed: int = 0) -> LlamaForCausalLM:
    set_seed(seed)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        initializer_range=0.5,
        pad_token_id=0,
        eos_token_id=4,
        bos_token_id=None,
    )
    return LlamaForCausalLM(config).eval()


def row(tokenizer: Any, number: int) -> dict[str, Any]:
    question, answer = CONVERSATIONS[number % len(CONVERSATIONS)]
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    ids = tokenizer.apply_chat_template(turns, tokenize=True, return_dict=False)
    prompt = tokenizer.apply_chat_template(
        turns[:1], add_generation_prompt=True, tokenize=True, return_dict=False
    )
    return {
        "id": f"row-{number}",
        "messages": turns,
        "content_sha256": hashlib.sha256(question.encode()).hexdigest(),
        "input_ids": ids,
        "completion_mask": [0] * len(prompt) + [1] * (len(ids) - len(prompt)),
        "in_teacher_train": False,
    }


@pytest.fixture(scope="session")
def language_teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`model/`, `distill/` and the part of `metadata.json` that exports read."""
    place = tmp_path_factory.mktemp("language")
    teacher = place / "teacher"
    model, tokenizer = tiny_llama(), chat_tokenizer()
    model.save_pretrained(place / "saved")
    tokenizer.save_pretrained(place / "saved")
    pack_model(place / "saved", teacher / "model")
    rows = [row(tokenizer, number) for number in range(6)]
    with torch.inference_mode():
        write_token_targets(teacher / "distill/soft", "train", model, rows, [MESSAGES], Stored(k=K))
    write_json(teacher / "metadata.json", {"name": "zoo", "soft_targets": {"rows": {"train": len(rows)}}})
    return teacher
