"""Words to subwords: the first subword of a word has its tag, everything else has none."""

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast, RobertaTokenizer

from teacherspec.tasks.token_classification.task import TokenClassification

PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "so", "##fa", "on", "mon", "##day", "-", "1", "the")
IGNORED = -100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny model whose tokenizer splits words into pieces."""
    tokenizer = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", padding_side="left",
    ).save_pretrained(tmp_path)  # fmt: skip
    config = BertConfig(
        vocab_size=len(PIECES), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=32,
        id2label=dict(enumerate(task().tags)), label2id={tag: at for at, tag in enumerate(task().tags)},
    )  # fmt: skip
    BertForTokenClassification(config).save_pretrained(tmp_path)
    return tmp_path


def task(**changed: Any) -> TokenClassification:
    return TokenClassification(
        kind="token_classification", entity_types=("ITEM", "DAY"), **{"max_length": 16, **changed}
    )


SPANS = {"id": "a", "text": "the sofa on monday-1", "spans": [
    {"start": 4, "end": 8, "label": "ITEM"}, {"start": 12, "end": 20, "label": "DAY"},
]}  # fmt: skip


def test_first_subwords_have_the_tag_and_others_none(folder: Path) -> None:
    own = task()
    _, tokenizer = own.load(folder)
    (row,) = own.encode(tokenizer, Dataset.from_list([SPANS]))
    tokens = tokenizer.convert_ids_to_tokens(row["input_ids"])
    assert tokens == ["[CLS]", "the", "so", "##fa", "on", "mon", "##day", "-", "1", "[SEP]"]
    tags = [IGNORED if label == IGNORED else own.tags[label] for label in row["labels"]]
    assert tags == [
        IGNORED, "O", "B-ITEM", IGNORED, "O", "B-DAY", IGNORED, "I-DAY", "I-DAY", IGNORED,
    ]  # fmt: skip
    assert row["words"] == [0, 1, 2, 3, 4, 5]


def test_words_beyond_the_longest_input_are_counted(folder: Path) -> None:
    own = task(max_length=8)
    _, tokenizer = own.load(folder)
    rows = Dataset.from_list([SPANS])
    (row,) = own.encode(tokenizer, rows)
    assert row["words"] == [0, 1, 2, 3]
    (found,) = own.first_subwords(tokenizer, [SPANS])
    assert (list(found.words), list(found.positions)) == ([0, 1, 2, 3], [1, 2, 4, 5])
    from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary

    summary = BaseSummary("BertModel", 1, 32, len(PIECES), len(PIECES), ())
    data = own.fit_report(tokenizer, {"train": rows}, summary)["data"]["train"]
    assert (data["words"], data["words_cut"], data["words_lost"]) == (6, 2, 0)


def test_both_forms_of_rows_give_the_same_example(folder: Path) -> None:
    spans, tokens = task(), task(rows="tokens")
    _, tokenizer = spans.load(folder)
    row = {
        "id": "a",
        "tokens": ["the", "sofa", "on", "monday", "-", "1"],
        "tags": ["O", "B-ITEM", "O", "B-DAY", "I-DAY", "I-DAY"],
    }
    one, other = (
        own.encode(tokenizer, Dataset.from_list([given]))[0] for own, given in ((spans, SPANS), (tokens, row))
    )
    assert one == other
    assert tokens.words(row).texts() == row["tokens"]


def test_rows_that_nobody_labelled_have_a_place_for_each_word(folder: Path) -> None:
    own = task()
    _, tokenizer = own.load(folder)
    (row,) = own.encode(tokenizer, Dataset.from_list([{"id": "a", "text": "the sofa", "spans": None}]))
    assert [label for label in row["labels"] if label != IGNORED] == [0, 0]


def test_padding_does_not_shift_labels(folder: Path) -> None:
    own = task()
    _, tokenizer = own.load(folder)
    short = {"id": "b", "text": "sofa", "spans": [{"start": 0, "end": 4, "label": "ITEM"}]}
    encoded = own.encode(tokenizer, Dataset.from_list([SPANS, short]))
    batch = own.collate(tokenizer)([encoded[0], encoded[1]])
    first = (batch["labels"] != IGNORED).nonzero().tolist()
    places = own.first_subwords(tokenizer, [SPANS, short])
    assert first == [[at, position] for at, one in enumerate(places) for position in one.positions]
    assert (batch["input_ids"][1] != 0).sum() == len(encoded[1]["input_ids"])
    raw = own.batch(tokenizer, [SPANS, short])
    assert raw["input_ids"].tolist() == batch["input_ids"].tolist()


def test_a_byte_level_tokenizer_reads_words_as_with_a_space_before_them(tmp_path: Path) -> None:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {piece: at for at, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *alphabet, "Ġa"])}
    RobertaTokenizer(vocab=vocab, merges=[("Ġ", "a")]).save_pretrained(tmp_path)
    tokenizer = task()._load_tokenizer(tmp_path)
    row = {"text": "a a"}
    (found,) = task().first_subwords(tokenizer, [row])
    ids = task().batch(tokenizer, [row])["input_ids"][0]
    assert [tokenizer.convert_ids_to_tokens(int(ids[at])) for at in found.positions] == ["Ġa", "Ġa"]
