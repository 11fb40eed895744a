"""How predictions are compared, by their output type."""

from collections.abc import Mapping

from teacherspec.compare.classification.predictions import compare_predictions as compare_classification
from teacherspec.compare.generation.predictions import compare_predictions as compare_generation
from teacherspec.compare.multi_label.predictions import compare_predictions as compare_multi_label
from teacherspec.compare.prediction_diff import Compare
from teacherspec.compare.regression.predictions import compare_predictions as compare_regression
from teacherspec.compare.retrieval.predictions import compare_predictions as compare_retrieval
from teacherspec.compare.tagging.predictions import (
    compare_predictions as compare_tagging,
)

COMPARE: Mapping[str, Compare] = {
    "classification": compare_classification,
    "generation": compare_generation,
    "multi_label": compare_multi_label,
    "regression": compare_regression,
    "retrieval": compare_retrieval,
    "tagging": compare_tagging,
}
"""Output type → the comparison of its predictions."""
