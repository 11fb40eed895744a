"""A linear probe: logistic regression on frozen features, which depends on no seed; multinomial, or one for
each label where rows may have several.

Fitted in float64 by torch's L-BFGS: its arithmetic is that of the training, so that what makes a training
reproducible on every CPU makes this fit reproducible too.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teacherspec.tasks.shared.columns.row_schema import RowSchema

if TYPE_CHECKING:
    import torch

PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
"""Weights λ of the L2 penalty that are tried, the strongest first."""

LARGEST_FACTOR = 100.0
"""Bound of the factor by which validation may scale the logits, and of its inverse."""

ITERATIONS = 200
"""L-BFGS iterations for one penalty, each started from the solution of the one before."""

TOLERANCE = 1e-6
"""Largest gradient at which the fit stops, nats per unit."""


@dataclass(frozen=True)
class LinearProbe:
    """A linear classifier.

    Attributes:
        weight: `[C, H]`, float32.
        bias: `[C]`, float32; zeros where none was fitted.
        penalty: λ of the fit.
        validation_nll: of the rows on which λ was chosen, nats.
    """

    weight: "torch.Tensor"
    bias: "torch.Tensor"
    penalty: float
    validation_nll: float

    def logits(self, features: "torch.Tensor") -> "torch.Tensor":
        """Logits `[N, C]` of features `[N, H]`."""
        return features @ self.weight.T + self.bias


def mean_nll(
    logits: "torch.Tensor", labels: "torch.Tensor", class_weights: "torch.Tensor | None" = None
) -> "torch.Tensor":
    """Mean NLL of rows, each weighed by its class and by its own weight where it has one.

    Args:
        logits: `[N, C]`.
        labels: `[N]`, or targets `[N, C + 1]`, of which NLL is the cross-entropy.
        class_weights: `[C]`, or None.
    """
    from torch.nn import functional

    if labels.ndim == 1:
        return functional.cross_entropy(logits, labels, class_weights)
    probs, weights = labels[:, :-1].to(logits.dtype), labels[:, -1].to(logits.dtype)
    losses: torch.Tensor = functional.cross_entropy(logits, probs, class_weights, reduction="none")
    of_class = 1 if class_weights is None else probs @ class_weights
    return (weights * losses).sum() / (weights * of_class).sum()


def mean_binary_nll(
    logits: "torch.Tensor", labels: "torch.Tensor", pos_weight: "torch.Tensor | None" = None
) -> "torch.Tensor":
    """Mean over rows of the NLL of all their labels together: one logistic regression a label, side by side.

    Args:
        logits: `[N, C]`.
        labels: `[N, C]`, zeros and ones.
        pos_weight: `[C]` of the labels that rows have, or None.
    """
    from torch.nn import functional

    losses = functional.binary_cross_entropy_with_logits(
        logits, labels.to(logits.dtype), pos_weight=pos_weight, reduction="none"
    )
    return losses.sum(dim=1).mean()


MeanLoss = Callable[["torch.Tensor", "torch.Tensor", "torch.Tensor | None"], "torch.Tensor"]
"""From logits `[N, C]`, labels and weights `[C]` to the loss that a probe minimises."""


def loss_of(schema: RowSchema) -> MeanLoss:
    """The loss of a probe for rows of these columns."""
    return mean_nll if schema.label_set() is None else mean_binary_nll


def fit_linear_probe(
    train: "tuple[torch.Tensor, torch.Tensor]",
    validation: "tuple[torch.Tensor, torch.Tensor]",
    classes: int,
    class_weights: "torch.Tensor | None" = None,
    *,
    bias: bool = True,
    loss: MeanLoss = mean_nll,
) -> LinearProbe:
    """The classifier with the lowest validation NLL over the L2 penalties.

    A strong penalty often gives the better direction and logits that are too small, so the logits of each fit
    are scaled by the one factor that validation prefers before the fits are compared.

    Args:
        train: features `[N, H]`, and labels `[N]` or targets `[N, C + 1]` as `label_targets` makes them, of
            mean weight 1.
        validation: features `[M, H]` and labels `[M]` or targets `[M, C + 1]` that choose penalty and factor.
        classes: C.
        class_weights: `[C]` of the rows' losses, or None.
        bias: whether the classifier has one.
        loss: of rows, see `loss_of`.
    """
    fits = penalised_fits(*train, classes, class_weights, bias=bias, loss=loss)
    return best_scaled(fits, *validation, loss=loss)


def best_scaled(
    fits: Iterable[LinearProbe],
    features: "torch.Tensor",
    labels: "torch.Tensor",
    *,
    loss: MeanLoss = mean_nll,
) -> LinearProbe:
    """The fit with the lowest NLL on rows `[M, H]`, each scaled as these rows prefer.

    Args:
        fits: to choose from.
        features: `[M, H]`.
        labels: `[M]`, or targets `[M, C + 1]`.
        loss: of rows, see `loss_of`.
    """
    return min((_scaled(fit, features, labels, loss) for fit in fits), key=lambda fit: fit.validation_nll)


def _scaled(
    fit: LinearProbe, features: "torch.Tensor", labels: "torch.Tensor", loss: MeanLoss
) -> LinearProbe:
    from scipy.optimize import minimize_scalar

    logits = fit.logits(features).double()

    def nll(log_factor: float) -> float:
        return loss(logits * math.exp(log_factor), labels, None).item()

    bound = math.log(LARGEST_FACTOR)
    found = minimize_scalar(nll, bounds=(-bound, bound), method="bounded")
    factor = math.exp(found.x)
    return LinearProbe(fit.weight * factor, fit.bias * factor, fit.penalty, float(found.fun))


def penalised_fits(
    features: "torch.Tensor",
    labels: "torch.Tensor",
    classes: int,
    class_weights: "torch.Tensor | None" = None,
    *,
    bias: bool = True,
    loss: MeanLoss = mean_nll,
) -> Iterator[LinearProbe]:
    """The fit for each penalty: the minimum of `mean NLL + λ / (2 N) · ‖W‖²` over the N rows.

    Features are centred (where there is a bias to take up the shift) and divided by one number, their root
    mean squared length, so that λ means the same for every base; neither changes the classifiers that can be
    reached. Arguments as `fit_linear_probe`; the NLL on validation is not a number yet.
    """
    import torch

    width = features.shape[1]
    shift = features.double().mean(0) if bias else torch.zeros(width, dtype=torch.float64)
    centred = features.double() - shift
    scale = centred.square().sum(1).mean().sqrt().clamp(min=1e-12)
    weights = None if class_weights is None else class_weights.double()
    for penalty, scaled, offset in _path(
        centred / scale, labels, classes, weights, bias=bias, mean_loss=loss
    ):
        weight = scaled / scale
        yield LinearProbe(weight.float(), (offset - weight @ shift).float(), penalty, math.nan)


def _path(
    features: "torch.Tensor",
    labels: "torch.Tensor",
    classes: int,
    class_weights: "torch.Tensor | None",
    *,
    bias: bool,
    mean_loss: MeanLoss,
) -> "Iterator[tuple[float, torch.Tensor, torch.Tensor]]":
    """Each penalty with its weights `[C, H]` and bias `[C]`, float64."""
    import torch

    rows, width = features.shape
    weight = torch.zeros(classes, width, dtype=torch.float64, requires_grad=True)
    offset = torch.zeros(classes, dtype=torch.float64, requires_grad=bias)
    fitted = [weight, offset] if bias else [weight]
    for penalty in PENALTIES:
        solver = torch.optim.LBFGS(
            fitted, max_iter=ITERATIONS, tolerance_grad=TOLERANCE, line_search_fn="strong_wolfe"
        )

        def loss(solver: torch.optim.LBFGS = solver, penalty: float = penalty) -> float:
            solver.zero_grad()
            logits = features @ weight.T + offset
            nll = mean_loss(logits, labels, class_weights)
            total = nll + penalty / (2 * rows) * weight.square().sum()
            total.backward()  # type: ignore[no-untyped-call]
            return total.item()

        solver.step(loss)  # type: ignore[no-untyped-call]
        yield penalty, weight.detach().clone(), offset.detach().clone()
