"""Whether the head of a language model is tied to the token embedding, and what its config says."""

from typing import Any


def is_tied(model: Any) -> bool | None:
    """Whether head and token embedding are one tensor; None where the model lacks one of them."""
    head, table = model.get_output_embeddings(), _input_embeddings(model)
    if head is None or table is None or getattr(head, "weight", None) is None:
        return None
    return head.weight is table.weight or head.weight.data_ptr() == table.weight.data_ptr()


def state_tied_head(model: Any) -> bool:
    """Make the config say whether the head is tied, where it says otherwise; returns whether it did.

    Where `tie_word_embeddings` is true and the file holds a head with values of its own, as merges of
    adapters leave it, transformers 5 uses these values and transformers 4 overwrites them with the embedding.
    For models of several parts, version 4 reads the config of the text model, version 5 the outer one.
    """
    tied = is_tied(model)
    if tied is None:
        return False
    wrong = [
        config
        for config in (model.config, model.config.get_text_config(decoder=True))
        if getattr(config, "tie_word_embeddings", tied) != tied
    ]
    for config in wrong:
        config.tie_word_embeddings = tied
    return bool(wrong)


def _input_embeddings(model: Any) -> Any:
    try:
        return model.get_input_embeddings()
    except NotImplementedError:
        return None
