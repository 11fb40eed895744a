"""One logistic regression a label on TF-IDF, fitted and measured on the same rows as the teacher.

After `dvc repro`: python -m examples.tenants.compare_sklearn artifacts
"""

from pathlib import Path
from typing import Any

import click
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import average_precision_score, f1_score, log_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union

from teacherspec.calibrators.fitted import parse_calibrator
from teacherspec.calibrators.label_logits import label_logits
from teacherspec.calibrators.label_thresholds import decided_by, fit_thresholds
from teacherspec.metrics.label_calibration import LabelErrors
from teacherspec.metrics.scores.multi_label import sigmoid
from teacherspec.predictions.multi_label import load_label_predictions
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.calibrate import F1Thresholds
from teacherspec.splits import load_prepared, open_split

SPLITS = ("train", "validation", "calibration", "test")
N_BINS = 15


def tf_idf() -> Any:
    """Words and pairs of words, and pieces of words, each with its own weight."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    linear = LogisticRegressionCV(
        Cs=[1, 10, 100, 1000],
        cv=5,
        l1_ratios=(0.0,),
        max_iter=1000,
        scoring="neg_log_loss",
        use_legacy_attributes=False,
    )
    return make_pipeline(make_union(words, pieces), OneVsRestClassifier(linear))


def row(name: str, probs: dict[str, Any], labels: dict[str, Any]) -> str:
    """A line of the table: thresholds by F1 on calibration rows, all else on test."""
    limits = fit_thresholds(F1Thresholds(kind="f1"), probs["calibration"], labels["calibration"] == 1)
    test, given = probs["test"], labels["test"] == 1
    decided = decided_by(limits, test)
    losses = [log_loss(given[:, k], test[:, k], labels=[0, 1]) for k in range(given.shape[1])]
    errors = LabelErrors(test, given, N_BINS)
    numbers = (
        f1_score(given, decided, average="macro", zero_division=0),
        f1_score(given, decided, average="micro"),
        (given == decided).all(axis=1).mean(),
        average_precision_score(given, test, average="macro"),
        np.mean(losses),
        errors(np.arange(len(given))).mean(),
        errors.floors().mean(),
    )
    return f"| {name} | " + " | ".join(f"{number:.3f}" for number in numbers) + " |"


@click.command()
@click.argument("artifacts", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(artifacts: Path) -> None:
    """Print macro F1, micro F1, rows with all labels right, mean AP, NLL and classwise ECE on test."""
    splits = {name: open_split(load_prepared(artifacts / "prepare").splits[name]) for name in SPLITS}
    texts = {name: rows["text"][:] for name, rows in splits.items()}
    labels = {name: np.array(rows["labels"][:]) for name, rows in splits.items()}
    fitted = tf_idf().fit(
        [*texts["train"], *texts["validation"]], np.concatenate([labels["train"], labels["validation"]])
    )
    click.echo("| | macro F1 | micro F1 | all right | mean AP | NLL | classwise ECE | its floor |")
    click.echo("|---|--:|--:|--:|--:|--:|--:|--:|")
    plain = {name: fitted.predict_proba(texts[name]) for name in ("calibration", "test")}
    click.echo(row("TF-IDF, one logistic regression a label", plain, labels))
    calibrator = parse_calibrator(read_json(artifacts / "calibrate/calibration.json")["calibrator"])
    evaluated = artifacts / "evaluate"
    own = {name: load_label_predictions(evaluated, name).logits.astype(float) for name in plain}
    for title, change in (
        ("teacher, uncalibrated", lambda z: z),
        ("teacher, calibrated", lambda z: label_logits(calibrator, z)),
    ):
        click.echo(row(title, {name: sigmoid(change(z)) for name, z in own.items()}, labels))


if __name__ == "__main__":
    main()
