"""A student that reads words in their order: a small BERT from scratch, with a vocabulary of its own."""

from typing import Any

import torch

from teacherspec.probe.encoders.inputs import Inputs
from teacherspec.probe.encoders.separate_arms import SeparateArms
from teacherspec.probe.encoders.word_ids import PAD, WordRows
from teacherspec.spec.probe.students import TransformerEncoder

FEED_FORWARD = 4
"""Width of the feed-forward layers over that of the model, as in BERT."""


def build(student: TransformerEncoder, inputs: Inputs, classes: int, arms: int, seed: int) -> torch.nn.Module:
    """The students of all arms with the weights of a seed."""
    from transformers import BertConfig, BertForSequenceClassification

    if not isinstance(inputs, WordRows):
        raise TypeError(f"{type(inputs).__name__}: not what `word_ids.encode` gives")
    config = BertConfig(
        vocab_size=inputs.words,
        hidden_size=student.width,
        num_hidden_layers=student.layers,
        num_attention_heads=student.heads,
        intermediate_size=FEED_FORWARD * student.width,
        max_position_embeddings=student.length,
        num_labels=classes,
        pad_token_id=PAD,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForSequenceClassification(config)
    return SeparateArms(model, arms, _logits)


def _logits(model: Any, batch: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = model(input_ids=batch, attention_mask=(batch != PAD).long()).logits
    return logits
