"""The declarations for large bases, on the real rows: prepared, read by a tiny base, and run by it."""

import csv
import json
import os
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from ruamel.yaml import YAML
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from teacherspec.check.run import Spec, check
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.train import finetune
from teacherspec.prepare.run import prepare
from teacherspec.splits import Prepared, open_split
from teacherspec.tasks.causal_lm.task import CausalLM
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.toys.language_models import CHATML, FAMILIES, LLAMA3, SPECIAL, tiny_model

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared" / "data" / "gen"
FILES = {"e2e": ("devset.csv", "testset_w_refs.csv"), "gsm8k": ("train.jsonl", "test.jsonl")}
COLUMNS = {"e2e": ("mr", "ref"), "gsm8k": ("question", "answer")}
KEPT = 160

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason=f"no real rows at {SHARED}")


def project(place: Path, name: str, kept: int | None, **changes: Any) -> Spec:
    """The example in a folder of its own, with the first `validation_outputs` rows of each file."""
    (place / "data" / name).mkdir(parents=True)
    for file in FILES[name]:
        source, target = SHARED / name / file, place / "data" / name / file
        if kept is None:
            shutil.copyfile(source, target)
        else:
            with source.open(encoding="utf-8") as lines:
                target.write_text("".join(islice(lines, kept + 1)), encoding="utf-8")
    yaml = YAML()
    declared = yaml.load((ROOT / "examples" / name / "params.yaml").read_text(encoding="utf-8"))
    for section, values in changes.items():
        declared[section].update(values)
    with (place / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(declared, file)
    return check(place / "params.yaml")


def texts(name: str) -> list[str]:
    path = SHARED / name / FILES[name][0]
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file)) if path.suffix == ".csv" else [json.loads(line) for line in file]
    return [row[column] for row in rows for column in COLUMNS[name]]


def base(place: Path, name: str, family: str, template: str) -> Path:
    """A tiny model of the family with a tokenizer trained on the rows."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts(name)[:2000], trainer)
    tiny_model(family).save_pretrained(place)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="</s>",
        extra_special_tokens=list(SPECIAL[3:]),
        chat_template=template,
    ).save_pretrained(place)
    return place


def prepared(place: Path, spec: Spec) -> Prepared:
    fields = spec.task.row_schema()
    return prepare(place, spec.task.kind, fields, spec.prepare, place / "splits", place / "reports")


def untrained_nll(kind: CausalLM, model: Any, tokenizer: Any, rows: Dataset) -> float:
    encoded = kind.encode(tokenizer, rows)
    batch = dict(kind.collate(tokenizer)([encoded[at] for at in range(len(rows))]))
    labels = batch.pop("labels")
    with torch.no_grad():
        kept = kind.validation_outputs({"logits": kind.logits(model, batch)}, labels)
    return kind.measure(kept.numpy(), labels.numpy())["nll"]


@pytest.mark.parametrize("name", FILES)
def test_every_real_row_is_prepared_and_can_be_learned(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = project(tmp_path, name, None, task={"max_length": 4096})
    splits = prepared(tmp_path, spec).splits
    folder = base(tmp_path / "base", name, "llama", LLAMA3)
    tokenizer = spec.task.load(folder)[1]
    encoder = spec.task.encoder(tokenizer)
    rows = open_split(splits["test"], tmp_path / "scratch")
    assert len(rows) == {"e2e": 4575, "gsm8k": 1319}[name]  # 118 sentences of E2E are there twice
    pieces = 0
    for row in rows.select(range(0, len(rows), 10)):
        conversation = spec.task.conversation(row)
        encoded = encoder.encode(conversation)
        pieces += encoded.split
        supervised = [t for t, flag in zip(encoded.input_ids, encoded.supervised, strict=True) if flag]
        assert tokenizer.decode(supervised) == conversation.answers[0].strip() + "<|eot_id|>"
        assert encoded.input_ids[: encoded.answer_start] == encoder.encode_prompt(conversation)
    assert pieces == 0  # the template ends before an answer with a line break of its own


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "gpt2"])
def test_each_family_starts_the_training(name, family, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "TEACHERSPEC_MICRO_BATCH", "4")
    spec = project(
        tmp_path,
        name,
        KEPT,
        task={"max_length": 2048},
        finetune={"epochs": 1, "precision": "fp32", "learning_rate": 5e-3},
    )
    splits = prepared(tmp_path, spec)
    folder = base(tmp_path / "base", name, family, CHATML)
    model, tokenizer = spec.task.load_base(folder, (), ModelInit())
    assert model.config.model_type == family
    rows = open_split(splits.splits["validation"], tmp_path / "scratch")
    before = untrained_nll(spec.task, model, tokenizer, rows)
    training = Training(spec.task, spec.finetune, folder, splits, ModelInit(spec.finetune.dropout))
    finetune(training, tmp_path / "run", tmp_path / "out")
    facts = json.loads((tmp_path / "out/training.json").read_text())
    # Drawn weights are surer than a guess (ln 400 = 6.0 nats), and wrong; four steps mend part of it.
    assert before > 6.0
    assert facts["validation"]["nll"] < before - 0.1
