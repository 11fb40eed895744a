"""The code on the card: from a text to calibrated probabilities with transformers alone."""

from collections.abc import Callable, Mapping
from typing import Any

CALIBRATED = {
    "none": "probs = logits.softmax(-1)\n",
    "score_interval": (
        'scores = c["slope"] * logits[:, 0] + c["intercept"]\n'
        'radius = c["radius"]  # the score of a row lies within it in a share c["level"] of cases\n'
    ),
    "temperature": 'probs = (logits / c["temperature"]).softmax(-1)\n',
    "class_temperature": (
        't = torch.tensor(c["temperatures"], dtype=torch.float64)[logits.argmax(-1)]\n'
        "probs = (logits / t[:, None]).softmax(-1)\n"
    ),
    "vector": (
        'scale, bias = (torch.tensor(c[name], dtype=torch.float64) for name in ("scale", "bias"))\n'
        "probs = (scale * logits + bias).softmax(-1)\n"
    ),
    "dirichlet": (
        'weights, bias = (torch.tensor(c[name], dtype=torch.float64) for name in ("weights", "bias"))\n'
        "probs = (logits.log_softmax(-1) @ weights.T + bias).softmax(-1)\n"
    ),
    "isotonic": (
        "p = logits.softmax(-1)\n"
        'confidence = torch.tensor(np.interp(p.max(-1).values.numpy(), c["knots"], c["values"]))[:, None]\n'
    ),
    "histogram": (
        "p = logits.softmax(-1)\n"
        'edges = torch.tensor(c["upper_edges"][:-1], dtype=torch.float64)\n'
        "bins = torch.searchsorted(edges, p.max(-1).values)\n"
        'confidence = torch.tensor(c["values"], dtype=torch.float64)[bins][:, None]\n'
    ),
}
"""Kind of calibrator → lines from `logits` `[N, C]` float64 and the fitted numbers `c` to `probs` `[N, C]`,
the same mathematics as `teacherspec.calibrators.fitted`."""

TOP_LABEL = """\
first = torch.zeros_like(p).scatter(-1, p.argmax(-1, keepdim=True), 1.0)
others = (logits - logits.max(-1, keepdim=True).values).masked_fill(first.bool(), -torch.inf).softmax(-1)
least = others.max(-1, keepdim=True).values  # the first class never falls below the second
confidence = confidence.maximum(least / (1 + least) * (1 + 1e-9))
probs = first * confidence + others * (1 - confidence)
"""
"""What follows where only the confidence of the first class was fitted: the others share the rest."""


def calibrated_code(kind: str) -> str:
    """Lines from `logits` and `c` to `probs` for this kind of calibrator."""
    return CALIBRATED[kind] + (TOP_LABEL if kind in ("isotonic", "histogram") else "")


def loading_code(
    imports: str,
    logits: str,
    calibrator: Mapping[str, Any],
    calibrated: Callable[[str], str] = calibrated_code,
) -> str:
    """A whole program, run inside the package folder.

    Args:
        imports: lines that import what `logits` needs.
        logits: lines that load `model/` and leave `logits` `[N, C]`.
        calibrator: the fitted calibrator.
        calibrated: from its kind to the lines after `logits`, see `calibrated_code`.
    """
    numpy = "import numpy as np\n" if calibrator["kind"] == "isotonic" else ""
    header = f"import json\nfrom pathlib import Path\n\n{numpy}{imports}"
    reading = 'c = json.loads(Path("calibration/calibration.json").read_text())["calibrator"]\n'
    return f"{header}\n{logits}logits = logits.double()\n{reading}{calibrated(calibrator['kind'])}"
