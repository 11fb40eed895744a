"""One temperature for all words of token classification, and the confidence of entities at a temperature."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from teacherspec.calibrators.temperature import TemperatureFit, fit_temperature
from teacherspec.metrics.cluster_bootstrap import ClusteredScores
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.metrics.span_confidence import WordConfidence, score_spans
from teacherspec.predictions.tagging import OUTSIDE_TAG, TagPredictions


def fit_tag_temperature(predictions: TagPredictions) -> TemperatureFit:
    """The temperature that minimises the mean NLL of the words that are read.

    Words of a row are not independent: the standard error is the sandwich estimate with the gradients added
    up within rows first (Liang & Zeger 1986).

    Raises:
        ValueError: wrong shapes, or values out of range, naming the word.
    """
    fit = fit_temperature(predictions.logits, predictions.labels)
    if fit.status != "ok":
        return fit
    logits, beta = predictions.logits.astype(np.float64), 1.0 / fit.temperature
    probs = np.exp(log_softmax(beta * logits))
    mean = (probs * logits).sum(axis=1)
    slope = mean - logits[np.arange(len(logits)), predictions.labels]
    curvature = float(((probs * logits**2).sum(axis=1) - mean**2).sum())
    gradients = np.bincount(predictions.row, weights=slope, minlength=len(predictions.ids))
    error = float(np.sqrt((gradients**2).sum()) / curvature / beta**2)
    return replace(fit, standard_error=error)


def span_scores(predictions: TagPredictions, names: Sequence[str], temperature: float) -> ClusteredScores:
    """Each predicted entity, with its confidence at a temperature and whether it is exactly right."""
    return score_spans(predictions.words, predictions.tags, word_confidence(predictions, temperature), names)


def word_confidence(predictions: TagPredictions, temperature: float) -> WordConfidence:
    """The most likely tag of each word, and its log-probability at a temperature."""
    log_probs = log_softmax(predictions.logits.astype(np.float64) / temperature)
    top = log_probs.argmax(axis=1)
    return WordConfidence(
        predictions.of_words(top, OUTSIDE_TAG).astype(np.int64),
        predictions.of_words(log_probs[np.arange(len(top)), top], 0.0).astype(np.float64),
    )
