"""Validation loss over train loss: how far a model has memorised its train rows."""

SMALLEST_NLL = 1e-12
"""Train loss in nats below which this value is used: float32 logits resolve no smaller one."""


def loss_ratio(validation_nll: float, train_nll: float) -> float:
    """Validation NLL over train NLL, both in eval mode, both plain means in the same unit.

    1.0–1.2 is healthy; a much larger ratio means that the train rows are memorised, and targets for them
    carry little beyond their labels.
    """
    return validation_nll / max(train_nll, SMALLEST_NLL)
