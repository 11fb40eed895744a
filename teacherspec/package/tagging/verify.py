"""Whether the packaged model gives what is stored: tags, logits of words, reported F1, calibrated loss."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from teacherspec.metrics.scores.entity_scores import count_entities, f1_of
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.package.classification.verify import check_names_of_model
from teacherspec.package.golden_examples import FLOAT32_TOLERANCE, forward, largest_mismatch
from teacherspec.package.resumable_shards import CONFIG, read_shards
from teacherspec.package.tagging.soft_targets import OF_WORDS
from teacherspec.package.verification.calibration_checks import check_calibrated_nll
from teacherspec.package.verification.consistency_checks import check_reported
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.package.verification.recomputed_targets import AT_LEAST, ROWS_AT_ONCE, WORK, choose_rows
from teacherspec.predictions.tagging import NO_TAG, OUTSIDE_TAG, TagPredictions
from teacherspec.splits import UNLABELLED
from teacherspec.tasks.shared.interfaces.model import Row
from teacherspec.tasks.shared.tagging_task import TaggingTask


def check_labels(opened: OpenedPackage) -> Iterator[str]:
    """The same tags in the same order, wherever they are written."""
    import pyarrow.parquet as pq
    from datasets import Features

    yield from check_names_of_model(opened)
    names = opened.metadata.label_names
    if opened.task.require(TaggingTask).tags != names:
        yield "metadata.json: label_names are not the tags of task.entity_types"
    for path in sorted((opened.folder / "distill" / CONFIG).glob("*.parquet")):
        features = Features.from_arrow_schema(pq.read_schema(path))
        if tuple(features["labels"].feature.names) != names or features["logits"].feature.length != len(
            names
        ):
            yield f"distill/{CONFIG}/{path.name}: its labels differ from the label names of metadata.json"


def check_targets(opened: OpenedPackage) -> Iterator[str]:
    """Words and tags are those of the content; the model gives the stored logits, these the reported F1."""
    model, processor = opened.model_and_processor
    task = opened.task.require(TaggingTask)
    for split, places in opened.rows_again(WORK, AT_LEAST).items():
        rows, problems = choose_rows(opened, split, places)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            if problems:
                break
            some = rows[start : start + ROWS_AT_ONCE]
            _, computed = forward(task, model, processor, some)
            read = task.first_subwords(processor, some)
            for at, row in enumerate(some):
                if problem := _wrong_words(task, row, list(read[at].words)):
                    problems.append(f"row {row['id']}: {problem}")
                    continue
                found = computed["logits"][at, list(read[at].positions)]
                stored = np.array(row["logits"], np.float32)
                ids = [row["id"]] * len(found)
                mismatch = largest_mismatch(stored, found, ids, FLOAT32_TOLERANCE, "logits")
                problems += [mismatch] if mismatch else []
        yield from (f"distill: {split}: {problem}" for problem in problems[:1])
    yield from check_reported(opened, lambda split: _measured(opened, split))
    for split in opened.metadata.soft_targets.rows:
        if opened.metadata.splits[split].role in UNLABELLED:
            for batch in read_shards(opened.folder / "distill", split, ["labels"]):
                if (batch["labels"].flatten().to_numpy() != NO_TAG).any():
                    yield f"distill: {split}: rows that nobody labelled have tags"
                    break


def _wrong_words(task: TaggingTask, row: Row, read: list[int]) -> str | None:
    """What is wrong with the words and tags of a soft target."""
    spans, tags = task.words(row).spans, task.word_tags(row)
    stored: dict[str, Any] = {name: row[name] for name in OF_WORDS[:4]}
    expected = {
        "word": read,
        "start": [spans[word][0] for word in read],
        "end": [spans[word][1] for word in read],
        "labels": [NO_TAG if tags is None else tags[word] for word in read],
    }
    wrong = [name for name, values in expected.items() if stored[name] != values]
    if row["words"] != len(spans):
        wrong.append("words")
    return f"{', '.join(wrong)} are not those of its content" if wrong else None


def stored_predictions(opened: OpenedPackage, split: str) -> TagPredictions:
    """The logits and tags of the soft targets of a split."""
    task = opened.task.require(TaggingTask)
    ids, words, tags, read, logits = [], [], [], [], []
    for batch in read_shards(opened.folder / "distill", split):
        flat = batch["logits"].flatten()
        logits.append(flat.flatten().to_numpy().reshape(len(flat), len(task.tags)))
        for row in batch.to_pylist():
            count = len(task.words(row).spans)
            here = np.zeros(count, np.bool_)
            here[row["word"]] = True
            given = task.word_tags(row)
            ids.append(row["id"])
            words.append(count)
            read.append(here)
            tags.append(np.full(count, NO_TAG) if given is None else np.asarray(given))
    return TagPredictions(
        ids,
        np.asarray(words),
        np.concatenate(tags).astype(np.int32),
        np.concatenate(read),
        np.concatenate(logits),
    )


def _measured(opened: OpenedPackage, split: str) -> dict[str, float]:
    """F1 of entities, accuracy and mean NLL (nats) of words, of a split's stored logits and tags."""
    found = stored_predictions(opened, split)
    top = found.logits.argmax(axis=1)
    predicted = found.of_words(top, OUTSIDE_TAG)
    counts = count_entities(found.words, found.tags, predicted, opened.metadata.label_names)
    return {
        "f1": float(f1_of(counts.sum(axis=(0, 1)))),
        "accuracy": float((top == found.labels).mean()),
        "nll": nll(found.logits, found.labels),
    }


def check_calibration(opened: OpenedPackage) -> Iterator[str]:
    """The temperature gives, on the words it was fitted on, the loss it was saved with."""

    def mean_nll(split: str) -> float:
        found = stored_predictions(opened, split)
        return nll(found.logits.astype(np.float64) / opened.temperature(), found.labels)

    return check_calibrated_nll(opened, mean_nll)
