"""What a trained model reaches, beside what needs no eyes: the commonest answer, words, other pictures."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.nlvr.scenes import read_rows

MEASURED = ("validation", "test")
BATCH = 64


def reached(work: Path) -> dict[str, Any]:
    """Shares of right answers to real sentences, each with Wilson's interval at 95 %.

    Args:
        work: where the stages ran; the current folder.
    """
    from teacherspec.check.run import check
    from teacherspec.splits import load_prepared, open_split

    task = check(work / "params.yaml").task
    data = load_prepared(work / "artifacts/prepare")
    model, processor = task.load(work / "artifacts/finetune/model")
    people = [(row["sentence"], row["label"]) for row in read_rows(work / "data/nlvr/dev.json")]
    told = {}
    for name in MEASURED:
        rows = open_split(data.splits[name])
        sentences, truths = said(task, rows, data.label_names)
        held = np.asarray([truth == "true" for truth in truths])
        told[name] = {
            "rows": len(rows),
            "accuracy": share(right(task, model, processor, rows)),
            "commonest": max(held.mean(), 1 - held.mean()).item(),
            "words_alone": share(blind(people, sentences) == held),
            "other_pictures": share(right(task, model, processor, with_other_pictures(rows))),
        }
    return told


def share(hits: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Share of hits with its interval."""
    from teacherspec.metrics.scores.intervals import wilson_interval

    return asdict(wilson_interval(int(hits.sum()), len(hits)))


def said(task: Any, rows: Any, label_names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Sentence and truth of each row."""
    if task.kind == "clip":
        return list(rows["sentence"]), [label_names[label] for label in rows["label"]]
    return list(rows["prompt"]), [answers[0] for answers in rows["completion"]]


def right(task: Any, model: Any, processor: Any, rows: Any) -> npt.NDArray[np.bool_]:
    """Whether the model's answer to each row is the right one."""
    if task.kind == "clip":
        from teacherspec.inference.classification import predict

        found = predict(task, model, processor, rows, BATCH)
        hits: npt.NDArray[np.bool_] = found.logits.argmax(axis=1) == found.labels
        return hits
    from teacherspec.inference.generation import predict_tokens

    tokens = predict_tokens(task, model, processor, rows, BATCH)
    return tokens.hit[np.cumsum(tokens.tokens) - tokens.tokens]  # the answer is one word, then it ends


def with_other_pictures(rows: Any) -> Any:
    """The same sentences, each beside the picture of a row far away."""
    from datasets import Dataset

    column = "image" if "image" in rows.column_names else "images"
    moved = np.roll(np.arange(len(rows)), len(rows) // 2)
    pictures = rows.select(moved)[column]
    content = [{**row, column: picture} for row, picture in zip(rows, pictures, strict=True)]
    return Dataset.from_list(content, features=rows.features)


def blind(trained_on: Sequence[tuple[str, str]], sentences: Sequence[str]) -> npt.NDArray[np.bool_]:
    """What logistic regression on words and pairs of words takes for true."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, truths = zip(*trained_on, strict=True)
    model = make_pipeline(CountVectorizer(ngram_range=(1, 2), binary=True), LogisticRegression(max_iter=1000))
    model.fit(texts, [truth == "true" for truth in truths])
    found: npt.NDArray[np.bool_] = model.predict(list(sentences))
    return found
