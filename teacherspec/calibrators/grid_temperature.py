"""Temperature without stored logits: from sums over a grid of inverse temperatures.

For vocabularies too large to store. Each shard adds up `temperature_moments(..., betas=GRID)` while its
logits are in memory; the sums of all shards fix T nearly as well as the logits would.
"""

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from teacherspec.calibrators.temperature import Status, TemperatureFit
from teacherspec.metrics.temperature_moments import TemperatureMoments


def streamed_temperature(moments: TemperatureMoments) -> TemperatureFit:
    """T from sums on a grid of β, the root of the cubic Hermite interpolant of L' with slopes L''.

    Args:
        moments: summed over all shards, on an ascending grid with β = 1 on it, such as `GRID`.

    Returns:
        The fit; its status is `at_lower_bound` or `at_upper_bound` where L' does not change sign inside the
        grid (then widen the grid before believing it), and `flat` where L' is 0 on all of it.

    Raises:
        ValueError: the grid does not ascend, has fewer than two points, or lacks β = 1.
    """
    betas, weight = moments.betas, moments.weight
    if len(betas) < 2 or not (np.diff(betas) > 0).all() or 1.0 not in betas:
        raise ValueError(f"betas: given {betas.tolist()}; expected at least two, ascending, 1.0 among them")
    nll_before = float(moments.nll[betas == 1.0][0] / weight)
    status = _status(moments)
    if status != "ok":
        return TemperatureFit(1.0, None, status, 1, nll_before, nll_before, round(weight))
    slope = CubicHermiteSpline(betas, moments.gradient, moments.curvature)
    beta = float(slope.roots(extrapolate=False)[0])
    curvature = float(slope.derivative()(beta))
    spread = float(np.sqrt(np.interp(beta, betas, moments.gradient_squares)))
    nearest = int(np.abs(betas - beta).argmin())
    nll_after = (float(moments.nll[nearest]) + float(slope.integrate(betas[nearest], beta))) / weight
    return TemperatureFit(
        temperature=1.0 / beta,
        standard_error=spread / curvature / beta**2,
        status="ok",
        iterations=1,
        nll_before=nll_before,
        nll_after=nll_after,
        rows=round(weight),
    )


def _status(moments: TemperatureMoments) -> Status:
    if not moments.gradient.any() and not moments.curvature.any():
        return "flat"
    if moments.gradient[-1] <= 0.0:
        return "at_lower_bound"
    return "at_upper_bound" if moments.gradient[0] >= 0.0 else "ok"
