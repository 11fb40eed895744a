"""Ways to train a classifier of texts from the same base and rows; each gives logits of the test rows."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from datasets import Dataset

from teacherspec.check.run import check
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.linear_probe_first import fit_head
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import ModelInit

Logits = npt.NDArray[np.floating[Any]]
PADDED = 128
"""Tokens to which transformers' own example of text classification pads by default."""


@dataclass(frozen=True)
class Job:
    """What every program is given.

    Attributes:
        task: of texts.
        base: folder of the sentence encoder.
        prepared: splits `train` and `validation`, and the names of the labels.
        train: texts and labels.
        test: texts and labels.
        section: how it is trained: epochs, rate, batch.
    """

    task: Kind
    base: Path
    prepared: Prepared
    train: Dataset
    test: Dataset
    section: Finetune


def declared() -> Finetune:
    """The section `finetune` of the default declaration."""
    return check(Path("params.yaml")).finetune


def ours(job: Job) -> Logits:
    """The stage `finetune` as declared: fitted head, batches of similar lengths, checkpoints, validation."""
    from teacherspec.finetune.inputs import load_inputs
    from teacherspec.finetune.train import train
    from teacherspec.inference.row_outputs import row_outputs

    scratch = Path(tempfile.mkdtemp())
    training = Training(job.task, job.section, job.base, job.prepared, ModelInit(pooling="mean"))
    training = replace(training, head=fit_head(training, scratch))
    inputs = load_inputs(training)
    trainer = train(training, inputs, scratch / "checkpoints")
    return row_outputs(job.task, job.task.logits, trainer.model.eval(), inputs.processor, job.test, 64)


def plain_trainer(job: Job, padding: Mapping[str, Any]) -> Logits:
    """transformers' Trainer on the same model with a head from random weights."""
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments, set_seed

    set_seed(job.section.seed)
    model, tokenizer = job.task.load_base(job.base, job.prepared.label_names, ModelInit(pooling="mean"))
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(), num_train_epochs=job.section.epochs, use_cpu=True,
        per_device_train_batch_size=job.section.batch_size, learning_rate=job.section.learning_rate,
        eval_strategy="epoch", save_strategy="epoch", load_best_model_at_end=True, save_total_limit=1,
        report_to="none", disable_tqdm=True, seed=job.section.seed,
    )  # fmt: skip
    encoded = {
        name: job.task.encode(tokenizer, rows).remove_columns("length")
        for name, rows in (("train", job.train), ("validation", open_validation(job)), ("test", job.test))
    }
    collate = DataCollatorWithPadding(tokenizer, **padding)
    trainer = Trainer(model, arguments, collate, encoded["train"], encoded["validation"])
    trainer.train()
    logits: Logits = trainer.predict(encoded["test"]).predictions
    return logits


def open_validation(job: Job) -> Dataset:
    """The rows that choose a checkpoint."""
    from teacherspec.splits import open_split

    return open_split(job.prepared.splits["validation"])


def trainer_longest(job: Job) -> Logits:
    """Each batch padded to its longest text: what Trainer does where it is given a tokenizer."""
    return plain_trainer(job, {})


def trainer_padded(job: Job) -> Logits:
    """Every text padded to 128 tokens, as transformers' example of text classification does."""
    return plain_trainer(job, {"padding": "max_length", "max_length": PADDED})


def setfit(job: Job) -> Logits:
    """SetFit: pairs of texts of the same and of other labels, then a logistic regression; 5 pairs a text."""
    from setfit import SetFitModel, Trainer, TrainingArguments

    model = SetFitModel.from_pretrained(str(job.base), labels=list(job.prepared.label_names), device="cpu")
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(), batch_size=job.section.batch_size, num_epochs=1, num_iterations=5,
        seed=job.section.seed, report_to="none", save_strategy="no", eval_strategy="no",
    )  # fmt: skip
    rows = Dataset.from_dict({"text": job.train["text"][:], "label": job.train["label"][:]})
    Trainer(model, args=arguments, train_dataset=rows).train()
    return np.log(np.asarray(model.predict_proba(job.test["text"][:]), np.float64).clip(1e-12))


def embeddings(job: Job) -> Logits:
    """sentence-transformers' embeddings, nothing trained but a logistic regression on them."""
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    encoder = SentenceTransformer(str(job.base), device="cpu")
    train, test = (encoder.encode(rows["text"][:], show_progress_bar=False) for rows in (job.train, job.test))
    head = LogisticRegression(max_iter=1000).fit(train, job.train["label"][:])
    logits: Logits = head.decision_function(test)
    return logits


PROGRAMS = {
    "teacherspec": ours,
    "Trainer, each batch padded to its longest": trainer_longest,
    "Trainer, padded to 128": trainer_padded,
    "SetFit, 5 pairs a text": setfit,
    "sentence-transformers, logistic regression": embeddings,
}
NEEDS = {
    "SetFit, 5 pairs a text": "setfit",
    "sentence-transformers, logistic regression": "sentence_transformers",
}
"""Program → package without which it is left out."""
