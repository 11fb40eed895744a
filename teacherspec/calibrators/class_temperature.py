"""One temperature for each predicted class, where there are rows enough to fit it."""

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import ClassTemperature
from teacherspec.calibrators.temperature import TemperatureFit, fit_temperature
from teacherspec.metrics.scores.softmax import top_label
from teacherspec.metrics.scores.validation import label_values, logit_rows


def fit_class_temperature(
    logits: npt.ArrayLike, labels: npt.ArrayLike, *, minimum_rows: int = 100
) -> tuple[ClassTemperature, TemperatureFit]:
    """Temperatures by predicted class, and the common one that the others fall back on.

    A class keeps the common temperature when fewer than `minimum_rows` rows are predicted as it or when its
    own fit has no minimum (all of its rows right, say).

    Args:
        logits: `[N, C]`, before any temperature.
        labels: `[N]`.
        minimum_rows: about 100 rows fix a temperature to a tenth.

    Raises:
        ValueError: wrong shapes, or values out of range, naming the row.
    """
    array = logit_rows(logits)
    targets = label_values(labels, n_classes=array.shape[1], rows=len(array))
    common = fit_temperature(array, targets)
    temperatures = np.full(array.shape[1], common.temperature)
    predicted = top_label(array)
    for k in range(array.shape[1]):
        rows = predicted == k
        if rows.sum() < minimum_rows:
            continue
        own = fit_temperature(array[rows], targets[rows])
        if own.status == "ok":
            temperatures[k] = own.temperature
    return ClassTemperature(temperatures=tuple(temperatures.tolist())), common
