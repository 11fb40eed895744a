"""Mean pooling for encoders whose classification head reads the first token only.

Sentence encoders (Reimers & Gurevych 2019, arXiv 1908.10084) represent a text by the mean of its tokens. The
heads of transformers read the first token, which such a base was not trained on: fine-tuning on few rows then
starts from worse features than the base has. One more encoder layer computes the mean within the
architecture, so that the model stays a plain folder which any `from_pretrained` loads.

In this layer queries are 0, so that every token attends evenly to all real tokens (padding is masked); values
are passed through and scaled up, so that the mean outweighs the residual; the feed-forward part adds 0. Layer
normalisation removes the scale. Every position, the first included, then holds the normalised mean. Keys and
the feed-forward input are random, so that they can be trained.
"""

import copy
from typing import TYPE_CHECKING, Any

from teacherspec.errors import BaseModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MEAN_OVER_RESIDUAL = 20.0
"""Factor of the mean relative to a token's own state before normalisation."""

POOLER_GAIN = 0.5
"""Slope of the pooler: states have unit variance, and tanh is nearly straight up to one half."""

LAYOUT = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
"""Modules of a layer of BERT, RoBERTa, XLM-RoBERTa, CamemBERT and ELECTRA."""


def append_mean_pooling(model: "PreTrainedModel") -> None:
    """Append a layer whose first token holds the mean of the tokens before it, in place.

    Draws from torch's global generator: seed it before.

    Raises:
        BaseModelError: the architecture's layers are not laid out like BERT's.
    """
    import torch

    layers = _layers(model)
    layer = copy.deepcopy(layers[-1])
    hidden = model.config.hidden_size
    spread = model.config.initializer_range
    parts = {name: layer.get_submodule(name) for name in LAYOUT}
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            parts[name].weight.fill_(1.0)
        for name in ("attention.self.key", "intermediate.dense"):
            parts[name].weight.normal_(std=spread)
        parts["attention.self.value"].weight.copy_(torch.eye(hidden))
        parts["attention.output.dense"].weight.copy_(MEAN_OVER_RESIDUAL * torch.eye(hidden))
        for name, pooler in model.base_model.named_children():
            if name == "pooler":
                pooler.dense.weight.copy_(POOLER_GAIN * torch.eye(hidden))
                pooler.dense.bias.zero_()
    layers.append(layer)
    model.config.num_hidden_layers += 1


def _layers(model: "PreTrainedModel") -> Any:
    """The list of the encoder's layers. Raises `BaseModelError` where they are not laid out like BERT's."""
    unsupported = BaseModelError(
        f"base.pooling: mean is known for encoders laid out like BERT (given {type(model).__name__}; bert, "
        "roberta, xlm-roberta, camembert, electra); use pooling: first"
    )
    try:
        layers: Any = model.base_model.get_submodule("encoder.layer")
        for name in LAYOUT:
            layers[-1].get_submodule(name)
    except AttributeError:
        raise unsupported from None
    return layers
