"""The usual ways to fit one temperature, each as its own documentation shows."""

import numpy as np


def teacherspec(logits: np.ndarray, labels: np.ndarray) -> float:
    from teacherspec.calibrators.temperature import fit_temperature

    return fit_temperature(logits, labels).temperature


def scikit_learn_float64(logits: np.ndarray, labels: np.ndarray) -> float:
    from sklearn.calibration import _TemperatureScaling

    return float(1.0 / _TemperatureScaling().fit(logits.astype(np.float64), labels).beta_)


def scikit_learn_float32(logits: np.ndarray, labels: np.ndarray) -> float:
    from sklearn.calibration import _TemperatureScaling

    return float(1.0 / _TemperatureScaling().fit(logits, labels).beta_)


def lbfgs_float64(logits: np.ndarray, labels: np.ndarray) -> float:
    return _lbfgs(logits, labels, "float64")


def lbfgs_float32(logits: np.ndarray, labels: np.ndarray) -> float:
    return _lbfgs(logits, labels, "float32")


def netcal(logits: np.ndarray, labels: np.ndarray) -> float:
    """It takes probabilities, and in float32 never leaves T = 1, so it gets float64."""
    from netcal.scaling import TemperatureScaling
    from scipy.special import softmax

    fitted = TemperatureScaling().fit(softmax(logits.astype(np.float64), axis=1), labels)
    return float(1.0 / fitted.temperature[0])


def _lbfgs(logits: np.ndarray, labels: np.ndarray, dtype: str) -> float:
    """torch L-BFGS with strong Wolfe line search on log β, all rows in every evaluation."""
    import torch

    z = torch.from_numpy(logits).to(getattr(torch, dtype))
    y = torch.from_numpy(labels)
    log_beta = torch.zeros((), dtype=z.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [log_beta],
        max_iter=100,
        tolerance_grad=1e-10,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def closure() -> "torch.Tensor":
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(z * log_beta.exp(), y)
        loss.backward()
        return loss.detach()

    optimizer.step(closure)
    return float((-log_beta.detach()).exp())


FITTERS = {
    "teacherspec": teacherspec,
    "scikit-learn (float64)": scikit_learn_float64,
    "scikit-learn (float32)": scikit_learn_float32,
    "torch L-BFGS (float64)": lbfgs_float64,
    "torch L-BFGS (float32)": lbfgs_float32,
    "netcal (float64)": netcal,
}
