"""Tiny pairs of texts, and a base whose tokenizer tells both texts apart."""

from pathlib import Path

from tokenizers import processors
from transformers import PreTrainedTokenizerFast

from tests.toys.text import toy_base, toy_tokenizer

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
