"""GSM8K's real rows as token ids, answers and the end token learned."""

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from teacherspec.language.packing import Example

VOCABULARY = 49_152
LIMIT = 512
END, BEGIN = "</s>", "<s>"


def read(folder: Path) -> list[tuple[str, str]]:
    """Questions and answers of the train file."""
    lines = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["question"] + "\n", row["answer"]) for row in rows]


def tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Byte-level BPE trained on the rows: fewer ids than the head has rows, which changes no cost."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=8192, special_tokens=[BEGIN, END], initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator([text for row in read(folder) for text in row], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token=BEGIN, eos_token=END, pad_token=END)


def examples(folder: Path, count: int) -> list[Example]:
    """The first `count` rows that have at most `LIMIT` tokens, as every program reads them."""
    encode = tokenizer(folder)
    found = []
    for question, answer in read(folder):
        asked, said = encode(question)["input_ids"], encode(answer + END)["input_ids"]
        if len(asked) + len(said) <= LIMIT:
            found.append(Example([*asked, *said], [0] * len(asked) + [1] * len(said)))
        if len(found) == count:
            break
    return found
