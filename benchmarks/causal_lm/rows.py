"""Real rows of GSM8K and of E2E as token ids, answers and the end token learned."""

import csv
import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from teacherspec.text.packing import Example

VOCABULARY = 49_152
LIMIT = 512
END, BEGIN = "</s>", "<s>"

SYSTEM = {
    "gsm8k": "Work the problem out step by step. End with a line that holds only #### and the number.",
    "e2e": "Write one sentence for customers that says all of these facts and nothing else.",
}
"""What `examples/` tells a base before each row."""

SETS = tuple(SYSTEM)


def read(folder: Path, name: str) -> list[tuple[str, str]]:
    """Questions and answers: all of GSM8K's train file, or of E2E's devset."""
    if name == "gsm8k":
        lines = (folder / "gsm8k/train.jsonl").read_text(encoding="utf-8").splitlines()
        pairs = [(row["question"], row["answer"]) for row in map(json.loads, lines)]
    else:
        with (folder / "e2e/devset.csv").open(encoding="utf-8-sig", newline="") as file:
            pairs = [(row["mr"], row["ref"]) for row in csv.DictReader(file)]
    return [(f"{SYSTEM[name]}\n\n{asked}\n", answer) for asked, answer in pairs]


def tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Byte-level BPE trained on GSM8K and on abstracts of SciTLDR: E2E is as new to it as to a base.

    It has fewer ids than the head has rows, which changes no cost.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=16_384, special_tokens=[BEGIN, END], initial_alphabet=alphabet, show_progress=False
    )
    abstracts = (folder / "scitldr/train.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [*(text for row in read(folder, "gsm8k") for text in row), *abstracts]
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token=BEGIN, eos_token=END, pad_token=END)


def examples(folder: Path, name: str, count: int) -> list[Example]:
    """`count` rows spread evenly over the file, as every program reads them; none has over `LIMIT` tokens."""
    encode, rows = tokenizer(folder), read(folder, name)
    found = []
    for at in np.linspace(0, len(rows) - 1, count).round().astype(int):
        question, answer = rows[at]
        asked, said = encode(question)["input_ids"], encode(answer + END)["input_ids"]
        found.append(Example([*asked, *said], [0] * len(asked) + [1] * len(said)))
    assert max(len(one.input_ids) for one in found) <= LIMIT
    return found
