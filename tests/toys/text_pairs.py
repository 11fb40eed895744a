"""Tiny pairs of texts, and a base whose tokenizer tells both texts apart."""

from pathlib import Path

import pyarrow as pa
from tokenizers import processors
from transformers import PreTrainedTokenizerFast

from teacherspec.runtime.atomic_io import sha256_file, write_parquet
from teacherspec.splits import Prepared, Role, Split, save_index
from tests.toys.text import toy_base, toy_rows, toy_tokenizer

INPUTS = ["input_ids", "token_type_ids", "attention_mask"]


def pair_tokenizer() -> PreTrainedTokenizerFast:
    """The toy tokenizer with BERT's template of two texts."""
    tokenizer = toy_tokenizer().backend_tokenizer
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_input_names=INPUTS,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )


def pair_base(folder: Path, seed: int = 0) -> Path:
    """The toy base with the tokenizer of pairs."""
    toy_base(folder, seed)
    pair_tokenizer().save_pretrained(folder)
    return folder


ROLES: dict[str, Role] = {
    "train": "train",
    "validation": "validation",
    "calibration": "calibration",
    "test": "test",
    "shifted": "shifted",
    "transfer": "transfer",
}


def pair_prepared(folder: Path, kind: str, *, scored: bool, train: int = 64, other: int = 24) -> Prepared:
    """Splits of pairs that are about the same or not, as `prepare` writes them.

    With a label, or a score from 0 to 5; those of the transfer split have neither.
    """
    splits = {}
    for seed, (name, role) in enumerate(sorted(ROLES.items())):
        count = train if name == "train" else other
        (first, classes), (second, others) = toy_rows(count, seed), toy_rows(count, seed + 100)
        same = [one == two for one, two in zip(classes, others, strict=True)]
        if scored:
            scores = [None if role == "transfer" else 4.5 if one else 1.0 for one in same]
            labels = {"score": pa.array(scores, pa.float64())}
        else:
            labels = {"label": pa.array([-1 if role == "transfer" else int(one) for one in same], pa.int32())}
        path = folder / f"{name}.parquet"
        ids = [f"{name}-{number:04d}" for number in range(count)]
        write_parquet(path, pa.table({"id": ids, "text": first, "text_pair": second, **labels}))
        splits[name] = Split(name, role, count, sha256_file(path), path)
    names, details = ((), ("score",)) if scored else (("different", "same"), ())
    prepared = Prepared(kind, names, splits, details)
    save_index(folder, prepared)
    return prepared
