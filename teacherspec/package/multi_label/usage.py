"""The code on the card from logits to calibrated probabilities of labels, and to the predicted ones."""

CALIBRATED = {
    "none": "probs = logits.sigmoid()\n",
    "temperature": 'probs = (logits / c["temperature"]).sigmoid()\n',
    "vector": (
        'scale, bias = (torch.tensor(c[name], dtype=torch.float64) for name in ("scale", "bias"))\n'
        "probs = (scale * logits + bias).sigmoid()\n"
    ),
}
"""Kind of calibrator → lines from `logits` `[N, C]` float64 and the fitted numbers `c` to `probs` `[N, C]`,
the same mathematics as `teacherspec.calibrators.label_scaling`."""

PREDICTED = """\
limits = json.loads(Path("calibration/calibration.json").read_text())["thresholds"]["by_label"]
names = [model.config.id2label[place] for place in range(probs.shape[1])]
labels = [
    [name for name, p in zip(names, row) if limits[name] is not None and p >= limits[name]]
    for row in probs.tolist()
]
"""


def calibrated_code(kind: str) -> str:
    """Lines from `logits`, `c` and `model` to `probs` and `labels` for this kind of calibrator."""
    return CALIBRATED[kind] + PREDICTED
