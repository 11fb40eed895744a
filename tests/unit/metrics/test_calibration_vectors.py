"""Every vector of the shared reference file through public functions, and away from known wrong values."""

import csv
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

from teacherspec.calibrators.temperature import fit_temperature
from teacherspec.metrics import (
    calibration,
    label_errors,
    ood,
    selective_prediction,
    significance,
    text_generation,
)
from teacherspec.metrics.binning import bin_index
from teacherspec.metrics.scores import intervals, proper_scores
from teacherspec.metrics.scores.softmax import softmax
from teacherspec.metrics.smooth_ece import smooth_ece
from teacherspec.metrics.summary import top_label_summary
from teacherspec.metrics.temperature_moments import temperature_moments
from teacherspec.text.metric_tokenizers import UnicodeWords

FOLDER = Path(__file__).parents[3].parent / "shared" / "vectors"
VECTORS = json.loads((FOLDER / "calibration.json").read_text())["vectors"] if FOLDER.exists() else []
STATUS = {"T_lower_bound": "at_lower_bound", "T_upper_bound": "at_upper_bound", "flat": "flat"}


def numbers(value):
    """Nested lists with the strings of the file's convention turned into floats."""
    if isinstance(value, list):
        return [numbers(item) for item in value]
    return float(value) if value in ("nan", "inf", "-inf") else value


def expand(groups):
    return np.concatenate([np.full(count, value) for value, count in groups])


def top_label(given):
    if "conf" in given:
        return numbers(given["conf"]), given["correct"]
    return calibration.top_label_confidence(given["probs"], given["labels"])


def binned(metric, **options):
    return lambda given: metric(*top_label(given), n_bins=given["n_bins"], **options)


def ece_from_logits(given):
    probs = [softmax([given["logits"][row] for row in batch]) for batch in given["batches"]]
    hits = calibration.top_label_confidence(np.concatenate(probs), given["labels"])
    return calibration.expected_calibration_error(*hits, n_bins=given["n_bins"])


def both_binary_errors(given):
    p1 = np.asarray(given["probs"])[:, 1]
    return {
        "top_label": calibration.expected_calibration_error(*top_label(given), n_bins=given["n_bins"]),
        "positive": calibration.expected_calibration_error(p1, given["labels"], n_bins=given["n_bins"]),
    }


def smooth(given):
    if "conf" in given:
        return smooth_ece(given["conf"], given["correct"])
    return smooth_ece(expand(given["conf_groups"]), expand(given["correct_groups"]))


def temperature(given):
    if "logits_rule" in given:
        logits = np.zeros((4, 1000))
        logits[:, 0] = 10.0
    else:
        logits = np.asarray(numbers(given["logits"]), dtype=given.get("logits_dtype", "float64"))
    fit = fit_temperature(logits, given["labels"], weights=given.get("sample_weight"))
    return fit.temperature if fit.status == "ok" else {"status": fit.status, "T": fit.temperature}


def moments(given):
    logits, targets = np.asarray(given["logits"]), np.asarray(given["labels"])
    shards = [
        temperature_moments(logits[rows], targets[rows], betas=[given["beta"]]) for rows in given["shards"]
    ]
    whole = shards[0] + shards[1]
    return {
        "sum_g": whole.gradient[0],
        "sum_h": whole.curvature[0],
        "sum_nll": whole.nll[0],
        "T_opt": fit_temperature(logits, targets).temperature,
    }


def out_of_scope(given):
    result = ood.ood_detection(given["id_conf"], given["ood_conf"])
    return {
        "auroc": result.auroc,
        "fpr_at_95_id_recall": result.fpr_at_95_in_recall,
        "fpr_at_95_ood_recall": result.fpr_at_95_out_recall,
    }


def wilson(given):
    interval = intervals.wilson_interval(given["k"], given["n"])
    return [interval.low, interval.high]


def risk(given):
    correct = 1 - np.asarray(given["error"])
    return {
        "aurc_mean": selective_prediction.aurc(given["conf"], correct),
        "augrc_mean": selective_prediction.augrc(given["conf"], correct),
    }


def corpus_score(metric, **options):
    def score(given):
        declared = {name: given[name] for name in ("tokenize", "lowercase") if name in given}
        return metric(given["hyp"], [[ref] for ref in given["ref"]], **declared, **options).score

    return score


def rouge(given):
    scores = text_generation.rouge(given["hyp"], [given["ref"]])
    of_words = text_generation.rouge(given["hyp"], [given["ref"]], tokenizer=UnicodeWords())
    return {**scores, "rouge_score_default": scores, "correct": of_words["rouge1"]}


def label_quality(given):
    probs, given_labels = [given["probs"]], [given["given_label"]]
    return {
        "self_confidence": label_errors.self_confidence(probs, given_labels)[0],
        "normalized_margin": label_errors.normalized_margin(probs, given_labels)[0],
    }


def verified(given):
    path = FOLDER / given["data"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == given["sha256"]
    return path


def summary(given):
    with verified(given).open() as file:
        rows = [[float(cell) for cell in row] for row in list(csv.reader(file))[1:]]
    truth, guess, confidence = np.asarray(rows).T
    fifteen = top_label_summary(confidence, truth == guess)
    ten = top_label_summary(confidence, truth == guess, n_bins=10)
    return {
        "n": fifteen.rows,
        "accuracy": fifteen.accuracy,
        "mean_conf": fifteen.mean_confidence,
        "n_conf_exactly_1": fifteen.certain,
        "ece15": fifteen.ece,
        "mce15": fifteen.mce,
        "ece10": ten.ece,
        "rmsce15": fifteen.rmsce,
        "debiased_l2_sq15": fifteen.debiased_squared,
        "ece_mass15_ties": fifteen.ece_equal_mass,
        "noise_floor15": fifteen.noise_floor,
        "brier_top": fifteen.top_label_brier,
        "aurc_mean": fifteen.aurc,
        "augrc_mean": fifteen.augrc,
        "auroc_correct": fifteen.correctness_auroc,
    }


def measured(logits, targets):
    probs = softmax(logits)
    hits = calibration.top_label_confidence(probs, targets)
    return {
        "nll": proper_scores.nll(logits, targets),
        "brier": proper_scores.brier(probs, targets),
        "ece15": calibration.expected_calibration_error(*hits),
        "classwise_ece15": calibration.classwise_calibration_error(probs, targets),
    }


def fit_and_evaluate(given):
    with np.load(verified(given)) as data:
        logits, targets = np.log(data["probs"].astype(np.float64)), data["labels"]
    fit = fit_temperature(logits, targets)
    after = measured(logits / fit.temperature, targets)
    half = fit_temperature(logits[:5000], targets[:5000])
    rest = slice(5000, None)
    before_half = measured(logits[rest], targets[rest])
    after_half = measured(logits[rest] / half.temperature, targets[rest])
    return {
        "accuracy": float((logits.argmax(axis=1) == targets).mean()),
        **measured(logits, targets),
        "T": fit.temperature,
        "se_T_sandwich": fit.standard_error,
        **{f"{name}_T": value for name, value in after.items()},
        "split": {
            "T": half.temperature,
            "nll_before": before_half["nll"],
            "nll_after": after_half["nll"],
            "ece15_before": before_half["ece15"],
            "ece15_after": after_half["ece15"],
        },
    }


FUNCTIONS = {
    "ece": binned(calibration.expected_calibration_error),
    "ece_equal_mass": binned(calibration.expected_calibration_error, binning="equal_mass"),
    "mce": binned(calibration.maximum_calibration_error),
    "rmsce": binned(calibration.root_mean_squared_calibration_error),
    "debiased_l2_squared": binned(calibration.debiased_squared_calibration_error),
    "ece_and_positive_class_ece": both_binary_errors,
    "classwise_ece": lambda given: calibration.classwise_calibration_error(**given),
    "bin_index": lambda given: bin_index(
        np.array([int(given["conf_float32_bits"], 16)], np.uint32).view(np.float32), n_bins=given["n_bins"]
    )[0],
    "ece_from_logits": ece_from_logits,
    "ece_noise_floor": lambda given: calibration.ece_noise_floor(
        expand(given["conf_groups"]), n_bins=given["n_bins"]
    ),
    "smooth_ece": smooth,
    "fit_temperature": temperature,
    "fit_temperature_binary": lambda given: (
        fit_temperature(
            np.stack([np.zeros(len(given["logit"])), given["logit"]], axis=1), given["labels"]
        ).temperature
    ),
    "nll": lambda given: proper_scores.nll(**given),
    "brier": lambda given: proper_scores.brier(**given),
    "softmax": lambda given: softmax(given["logits"]).tolist(),
    "aurc_augrc": risk,
    "ood": out_of_scope,
    "mcnemar_exact": lambda given: significance.mcnemar_exact(given["b"], given["c"]),
    "wilson_ci95": wilson,
    "benjamini_hochberg": lambda given: significance.benjamini_hochberg(given["p"]).tolist(),
    "paired_test": lambda given: significance.compare_accuracy(given["a"], given["b"]),
    "label_quality": label_quality,
    "moments": moments,
    "bleu": corpus_score(text_generation.bleu),
    "bleu_effective_order": corpus_score(text_generation.bleu, effective_order=True),
    "chrf": corpus_score(text_generation.chrf),
    "rouge": rouge,
    "summary_top1": summary,
    "fit_and_evaluate": fit_and_evaluate,
}

WITHOUT_FUNCTION = {"ace_mean", "lm_nll", "topk_tail"}
"""Functions of the reference file that no stage needs."""


def assert_close(value, expected, tol):
    if isinstance(expected, dict):
        for name, item in expected.items():
            assert_close(value[name], item, tol)
    elif isinstance(expected, list):
        assert len(value) == len(expected)
        for left, right in zip(value, expected, strict=True):
            assert_close(left, right, tol)
    elif isinstance(expected, str):
        assert value == STATUS[expected]
    else:
        assert math.isclose(value, expected, rel_tol=0.0, abs_tol=tol), (value, expected)


needs_vectors = pytest.mark.skipif(not VECTORS, reason=f"no reference vectors at {FOLDER}")


@needs_vectors
def test_the_shared_vectors_are_all_here():
    assert len(VECTORS) >= 63


@needs_vectors
@pytest.mark.parametrize("vector", VECTORS or [{"id": "absent"}], ids=lambda vector: vector["id"])
def test_vector(vector):
    if vector["function"] in WITHOUT_FUNCTION:
        pytest.skip(f"no stage computes {vector['function']}")
    function, given, expected = FUNCTIONS[vector["function"]], vector["inputs"], vector["expected"]
    if expected == "error":
        with pytest.raises(ValueError, match=r"row \d+"):
            function(given)
        return
    value = function(given)
    assert_close(value, expected, vector["tol"])
    for library, wrong in vector["known_wrong"].items():
        if isinstance(wrong, float) and isinstance(value, float):
            assert abs(value - wrong) > vector["tol"], f"agrees with the known error of {library}"
