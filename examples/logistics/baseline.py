"""The baseline of the teacher: transformers' Trainer on the same splits, without calibration.

    python examples/logistics/baseline.py .scratch/base/*/    after `teacherspec repro`, in its folder

Same base, epochs, batch size and learning rate; the last epoch is kept, as Trainer does. Prints F1 of
entities by seqeval and the ECE of words and of entities on test and on the shifted set.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
from seqeval.metrics import f1_score, precision_score, recall_score
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
    set_seed,
)

from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.metrics.span_confidence import WordConfidence, score_spans
from teacherspec.tasks.token_classification.task import TokenClassification

TASK = TokenClassification(
    kind="token_classification", entity_types=("PRODUCT", "ORDER_ID", "DATE", "LOCATION")
)
PREPARED = Path("artifacts/prepare")


def encoded(tokenizer, split):
    """Model inputs with the tag of each word at its first subword, as the guide of transformers does it."""
    examples = []
    for row in pq.read_table(PREPARED / f"{split}.parquet").to_pylist():
        inputs = tokenizer(TASK.words(row).texts(), is_split_into_words=True, truncation=True, max_length=128)
        tags, before, labels = TASK.word_tags(row), None, []
        for word in inputs.word_ids():
            labels.append(-100 if word is None or word == before else tags[word])
            before = word
        examples.append({**inputs, "labels": labels})
    return examples


def main(base: str) -> None:
    """Train and print."""
    set_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(base)
    names = TASK.tags
    model = AutoModelForTokenClassification.from_pretrained(
        base, id2label=dict(enumerate(names)), label2id={name: at for at, name in enumerate(names)}
    )
    with TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder,
                num_train_epochs=15,
                per_device_train_batch_size=8,
                learning_rate=3e-4,
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
            ),
            train_dataset=encoded(tokenizer, "train"),
            data_collator=DataCollatorForTokenClassification(tokenizer),
        )
        trainer.train()
        for split in ("test", "shifted"):
            report(split, trainer.predict(encoded(tokenizer, split)), names)


def report(split, found, names) -> None:
    """Print the numbers of a split."""
    supervised = found.label_ids != -100
    words, labels = supervised.sum(axis=1), found.label_ids[supervised]
    log_probs = log_softmax(found.predictions[supervised])
    top = log_probs.argmax(axis=1)
    ends = np.cumsum(words)[:-1]
    rows = [[[names[tag] for tag in row] for row in np.split(tags, ends)] for tags in (labels, top)]
    spans = score_spans(words, labels, WordConfidence(top, log_probs.max(axis=1)), names)
    numbers = {
        "f1": f1_score(*rows),
        "precision": precision_score(*rows),
        "recall": recall_score(*rows),
        "nll": float(-log_probs[np.arange(len(labels)), labels].mean()),
        "ece": expected_calibration_error(np.exp(log_probs.max(axis=1)), top == labels),
        "ece of entities": expected_calibration_error(spans.confidences, spans.correct),
    }
    print(split, " ".join(f"{name} {value:.4f}" for name, value in numbers.items()))


if __name__ == "__main__":
    main(sys.argv[1])
