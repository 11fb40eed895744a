"""A project of many labelled texts and a tiny encoder: `python -m benchmarks.big_data.project ROWS FOLDER`.

Texts are five to sixty words of a made-up vocabulary, of which some are of their class alone; a tenth of the
labels is wrong, so that no teacher is perfect and calibration has something to fit.
"""

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.prepare.generate import texts, vocabulary

SEED = 20240917
CLASSES = 20
WORDS_OF_CLASS = 8
WRONG = 0.1
LENGTH = 64
WORDS = 20_000
PARAMS = """
task: {kind: text_classification, max_length: 64}
prepare:
  data: data/rows
  sources: [{kind: jsonl, path: data/rows/rows.jsonl}]
  fractions: {train: 0.6, validation: 0.08, calibration: 0.12, test: 0.2}
base:
  source: {kind: path, folder: data/base}
  license: cc0-1.0
  pooling: mean
finetune: {epochs: 4, batch_size: 64, learning_rate: 5.0e-3}
evaluate: {batch_size: 64}
calibrate:
  method: {kind: auto}
  abstain: {risk: 0.2}
probe:
  students: [{kind: bag_of_ngrams}]
  seeds: 2
package:
  name: many-texts
  description: Classifies made-up texts into twenty classes.
  intended_use: Measuring.
  data_license: cc0-1.0
"""


def class_words(label: int) -> list[str]:
    """Words that only texts of this class hold."""
    return [f"{chr(97 + label)}{chr(97 + word)}word" for word in range(WORDS_OF_CLASS)]


def write_rows(rows: int, file: Path) -> None:
    """Write labelled texts as JSONL, some thousand in memory at once."""
    draw = np.random.default_rng(SEED)
    words = vocabulary(draw, WORDS)
    own = [class_words(label) for label in range(CLASSES)]
    with file.open("w", encoding="utf-8") as out:
        for number, text in enumerate(texts(draw, words, rows)):
            label, first, second = draw.integers(CLASSES), *draw.integers(WORDS_OF_CLASS, size=2)
            content = f"{own[label][first]} {text} {own[label][second]}"
            given = draw.integers(CLASSES) if draw.random() < WRONG else label
            row = {"id": f"r{number}", "text": content, "label": f"class_{given:02d}"}
            out.write(json.dumps(row) + "\n")


def write_base(folder: Path) -> None:
    """A two-layer BERT with random weights that knows every word."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, set_seed

    set_seed(0)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    own = [word for label in range(CLASSES) for word in class_words(label)]
    words = dict.fromkeys([*special, *own, *vocabulary(np.random.default_rng(SEED), WORDS)])
    numbers = {word: at for at, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=special[1]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), special, strict=True))
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=LENGTH,
        initializer_range=0.2,
        pad_token_id=0,
    )
    BertModel(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LENGTH, **names).save_pretrained(
        folder
    )


def main(rows: int, folder: Path) -> None:
    """Write declaration, rows and base."""
    (folder / "data/rows").mkdir(parents=True)
    (folder / "data/reviews").mkdir()
    (folder / "params.yaml").write_text(PARAMS.lstrip(), encoding="utf-8")
    write_rows(rows, folder / "data/rows/rows.jsonl")
    write_base(folder / "data/base")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
