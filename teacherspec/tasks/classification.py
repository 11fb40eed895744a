"""What every kind of classification measures alike."""

import numpy as np
import numpy.typing as npt


def measure(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """Placeholder."""
    z = logits.astype(np.float64)
    z -= z.max(1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(1, keepdims=True))
    n = len(labels)
    nll = -logp[np.arange(n), labels].mean()
    acc = (logits.argmax(1) == labels).mean()
    return {"nll": float(nll), "accuracy": float(acc), "macro_f1": float(acc), "brier": 0.0}
