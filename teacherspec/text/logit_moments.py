"""Statistics of a token's logits from which a temperature is fitted and evaluated without the logits.

With β = 1/T, a token's loss is LSE(βz) - βz_y. At each β of a grid two numbers a token (LSE and E_β z) are
stored, and the sums over tokens of the loss and its derivatives; between grid points a cubic Hermite
interpolant is as accurate as the logits (Brent 1973 for the root;
`teacherspec/calibrate/grid_temperature.py`).
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

CHUNK_NUMBERS = 1 << 22
"""Logits processed at once: 16 MiB in float32, whatever the vocabulary."""


class TokenSums(NamedTuple):
    """U supervised tokens, G inverse temperatures; the largest logit of a token is subtracted from all.

    Attributes:
        label_logit: `[U]` float32, z_y, at most 0.
        hit: `[U]` bool, whether the label is the most likely token; the lowest id wins a tie.
        lse: `[U, G]` float32, LSE(βz); the most likely token has probability exp(-LSE).
        mean: `[U, G]` float32, E_β z = d LSE(βz) / dβ.
        sums: `[4, G]` float64, ΣL, its first two derivatives and Σ(L')² over the tokens, nats.
    """

    label_logit: "torch.Tensor"
    hit: "torch.Tensor"
    lse: "torch.Tensor"
    mean: "torch.Tensor"
    sums: "torch.Tensor"


def token_sums(logits: "torch.Tensor", labels: "torch.Tensor", betas: "torch.Tensor") -> TokenSums:
    """Reduce logits `[U, V]` with labels `[U]` to sums at `betas` `[G]`.

    Exponentials are float32, sums over tokens float64, so that shards of any sizes add up to the same.

    Raises:
        ValueError: a logit is NaN or +∞, or that of a label is -∞; names the token.
    """
    import torch

    step = max(1, CHUNK_NUMBERS // logits.shape[1])
    parts = [
        _chunk(logits[start : start + step].float(), labels[start : start + step], betas, start)
        for start in range(0, len(labels), step)
    ]
    label_logit, hit, lse, mean = (torch.cat(columns) for columns in list(zip(*parts, strict=True))[:4])
    sums = torch.stack([part[4] for part in parts]).sum(dim=0)
    return TokenSums(label_logit, hit, lse, mean, sums)


def _chunk(logits: "torch.Tensor", labels: "torch.Tensor", betas: "torch.Tensor", first: int) -> TokenSums:
    import torch

    best = logits.argmax(dim=1)  # the first of equal ones
    top = logits.gather(1, best.unsqueeze(1)).squeeze(1)
    z = logits - top.unsqueeze(1)
    own = z.gather(1, labels.unsqueeze(1)).squeeze(1)
    bad = ~torch.isfinite(top) | ~torch.isfinite(own)
    if bool(bad.any()):
        token = first + int(bad.nonzero()[0, 0])
        raise ValueError(f"logits: supervised token {token} has logits or a label's logit that is not finite")
    # A banned token (-∞) has probability 0 at every β, and 0 times this is 0.
    z = z.clamp(min=torch.finfo(torch.float32).min / 1e4)
    lse, mean, sums = [], [], []
    for beta in betas.tolist():
        weights = (z * beta).exp()
        total = weights.sum(dim=1)
        weights *= z
        first_moment = (weights.sum(dim=1) / total).double()
        weights *= z
        second = (weights.sum(dim=1) / total).double()
        gradient = first_moment - own.double()
        sums.append(
            torch.stack(
                [
                    (total.double().log() - beta * own.double()).sum(),
                    gradient.sum(),
                    # A variance by difference can fall below zero by rounding alone.
                    (second - first_moment**2).clamp(min=0).sum(),
                    (gradient**2).sum(),
                ]
            )
        )
        lse.append(total.log())
        mean.append(first_moment.float())
    return TokenSums(
        own, best == labels, torch.stack(lse, dim=1), torch.stack(mean, dim=1), torch.stack(sums, dim=1)
    )
