"""Tiny real models and rows: everything a stage touches is the real thing, only small."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, set_seed

from teacherspec.runtime.atomic_io import sha256_file, write_parquet
from teacherspec.splits import Prepared, Role, Split, save_index

LABELS = ("cold", "hot", "wet")
WORDS = {
    "cold": ("ice", "snow", "frost", "freeze"),
    "hot": ("sun", "fire", "burn", "heat"),
    "wet": ("rain", "river", "flood", "soak"),
}
FILLER = ("the", "a", "is", "very", "today", "outside", "here", "again", "now", "it")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def toy_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer over the toy vocabulary, with BERT's special tokens."""
    words = [*SPECIAL, *FILLER, *(word for group in WORDS.values() for word in group)]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )


def toy_base(folder: Path, seed: int = 0) -> Path:
    """A two-layer BERT with random weights and its tokenizer, saved as a base folder."""
    set_seed(seed)
    tokenizer = toy_tokenizer()
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        initializer_range=0.2,  # at this width the usual 0.02 gives features too faint to learn from
        pad_token_id=0,
    )
    model = BertModel(config)
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def toy_rows(count: int, seed: int) -> tuple[list[str], list[int]]:
    """Texts of 3 to 9 words that hold one or two words of their class, and their labels."""
    draw = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(count):
        label = int(draw.integers(len(LABELS)))
        words = list(draw.choice(FILLER, int(draw.integers(2, 8))))
        words += list(draw.choice(WORDS[LABELS[label]], int(draw.integers(1, 3))))
        draw.shuffle(words)
        texts.append(" ".join(words))
        labels.append(label)
    return texts, labels


def toy_split(folder: Path, name: str, role: Role, texts: Sequence[str], labels: Sequence[int]) -> Split:
    """One split as `prepare` writes it."""
    path = folder / f"{name}.parquet"
    ids = [f"{name}-{i:04d}" for i in range(len(texts))]
    write_parquet(path, pa.table({"id": ids, "text": list(texts), "label": pa.array(labels, pa.int32())}))
    return Split(name, role, len(texts), sha256_file(path), path)


def toy_prepared(folder: Path, train: int = 96, other: int = 32) -> Prepared:
    """All splits of a toy task: the four fixed ones, a shifted, an out-of-scope and an unlabelled set."""
    roles: dict[str, Role] = {
        "train": "train",
        "validation": "validation",
        "calibration": "calibration",
        "test": "test",
        "shifted": "shifted",
        "out_of_scope": "ood",
    }
    splits = {}
    for seed, (name, role) in enumerate(sorted(roles.items())):
        texts, labels = toy_rows(train if name == "train" else other, seed)
        splits[name] = toy_split(folder, name, role, texts, [-1] * other if role == "ood" else labels)
    texts, _ = toy_rows(other, len(roles))
    splits["transfer"] = toy_split(folder, "transfer", "transfer", texts, [-1] * other)
    prepared = Prepared("text_classification", LABELS, splits)
    save_index(folder, prepared)
    return prepared


def described(
    prepared: Prepared, folder: Path, columns: Callable[[Split], Mapping[str, pa.Array]]
) -> Prepared:
    """The same splits with columns that describe labels, as `prepare` writes them.

    Args:
        prepared: splits without such columns.
        folder: for the new files.
        columns: from a split to its columns.
    """
    splits, names = {}, ()
    for name, split in prepared.splits.items():
        table, added = pq.read_table(split.path), columns(split)
        for column, values in added.items():
            table = table.append_column(column, values)
        path = folder / f"{name}.parquet"
        write_parquet(path, table)
        splits[name] = replace(split, rows=len(table), sha256=sha256_file(path), path=path)
        names = tuple(added)
    found = replace(prepared, splits=splits, label_details=names)
    save_index(folder, found)
    return found
