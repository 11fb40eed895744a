import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    LlamaConfig,
    ResNetConfig,
    ResNetForImageClassification,
    set_seed,
)

from teacherspec.errors import UserError
from teacherspec.package.model_export import pack_model
from teacherspec.package.transformers_4 import OLDEST_TESTED, least_version, with_transformers_4_keys
from teacherspec.package.vocab_fingerprint import vocabulary
from teacherspec.runtime.atomic_io import read_json
from tests.toys.packaged_teacher import PackagedTeacher
from tests.toys.text import toy_tokenizer


def test_version_5_keys_gain_their_version_4_names() -> None:
    config = {
        "dtype": "bfloat16",
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "partial_rotary_factor": 0.5},
        "text_config": {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e5}},
    }
    both = with_transformers_4_keys(config)
    assert both | config == both | {"text_config": config["text_config"]}
    assert both["torch_dtype"] == "bfloat16"
    assert (both["rope_theta"], both["rope_scaling"], both["partial_rotary_factor"]) == (1e6, None, 0.5)
    assert both["text_config"]["rope_theta"] == 5e5
    assert both["text_config"]["rope_scaling"] == {"rope_type": "linear", "factor": 2.0}


DEFAULT = {"rope_type": "default"}
BY_LAYER = {
    "full_attention": {**DEFAULT, "rope_theta": 1e6},
    "sliding_attention": {**DEFAULT, "rope_theta": 1e4},
}
PATTERN = ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]


def test_rotary_parameters_by_kind_of_layer_have_their_own_keys() -> None:
    gemma = with_transformers_4_keys({"model_type": "gemma3_text", "rope_parameters": BY_LAYER})
    assert (gemma["rope_theta"], gemma["rope_local_base_freq"]) == (1e6, 1e4)
    config = {"model_type": "modernbert", "rope_parameters": BY_LAYER, "layer_types": PATTERN}
    bert = with_transformers_4_keys(config)
    assert (bert["global_rope_theta"], bert["local_rope_theta"]) == (1e6, 1e4)
    assert bert["global_attn_every_n_layers"] == 3
    assert least_version(bert) == least_version(gemma) == OLDEST_TESTED


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "unheard_of"},
        {"model_type": "llama", "rope_parameters": BY_LAYER},
        {"model_type": "llava", "text_config": {"model_type": "unheard_of"}},
        {"model_type": "modernbert", "rope_parameters": BY_LAYER, "layer_types": PATTERN[::-1] + PATTERN},
        {
            "model_type": "gemma3_text",
            "rope_parameters": {**BY_LAYER, "full_attention": {"rope_type": "linear", "rope_theta": 1e6}},
        },
        {},
    ],
)
def test_what_older_versions_are_not_known_to_compute_is_left_to_the_one_that_packs(
    config: dict[str, Any],
) -> None:
    assert least_version(with_transformers_4_keys(config)) == version("transformers")


def test_a_decoder_keeps_its_logits_and_says_its_theta(tmp_path: Path) -> None:
    set_seed(0)
    config = LlamaConfig(
        vocab_size=28,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        rope_parameters={"rope_type": "default", "rope_theta": 123456.0},
        pad_token_id=0,
        num_labels=3,
    )
    model = AutoModelForSequenceClassification.from_config(config).eval()
    model.save_pretrained(tmp_path / "model")
    toy_tokenizer().save_pretrained(tmp_path / "model")
    pack_model(tmp_path / "model", tmp_path / "packed")
    assert read_json(tmp_path / "packed/config.json")["rope_theta"] == 123456.0
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "packed")
    torch.testing.assert_close(again.state_dict(), model.state_dict(), rtol=0, atol=0)
    ids = torch.tensor([[1, 5, 7, 3]])
    with torch.inference_mode():  # weights that lie elsewhere in memory may be added up in another order
        torch.testing.assert_close(again(ids).logits, model(ids).logits)


def test_older_readers_find_their_tokenizer_files(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    words = {"[PAD]": 0, "[UNK]": 1, "snow": 2, "##ed": 3}
    tokenizer = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    source = tmp_path / "model"
    source.mkdir()
    for file in (packaged_teacher.stages.finetuned / "model").iterdir():
        (source / file.name).write_bytes(file.read_bytes())
    tokenizer.save(str(source / "tokenizer.json"))
    pack_model(source, tmp_path / "packed")
    assert (tmp_path / "packed/vocab.txt").read_text() == "[PAD]\n[UNK]\nsnow\n##ed\n"
    settings = json.loads((tmp_path / "packed/tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    special = read_json(tmp_path / "packed/special_tokens_map.json")
    assert special == read_json(packaged_teacher.folder / "model/special_tokens_map.json")
    assert set(special.values()) == {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}


def test_the_packed_tokenizer_gives_the_same_tokens(packaged_teacher: PackagedTeacher) -> None:
    before, after = (
        AutoTokenizer.from_pretrained(folder)
        for folder in (packaged_teacher.stages.finetuned / "model", packaged_teacher.folder / "model")
    )
    text = "the Snow is very WET, strangeword outside"
    assert before(text)["input_ids"] == after(text)["input_ids"]
    assert after.model_max_length == 16
    assert AutoConfig.from_pretrained(packaged_teacher.folder / "model").id2label == {
        0: "cold",
        1: "hot",
        2: "wet",
    }


def test_the_vocabulary_and_its_padding_are_stated(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(packaged_teacher.folder / "model")
    stated = read_json(packaged_teacher.folder / "metadata.json")["vocabulary"]
    assert stated == vocabulary(packaged_teacher.folder / "model")
    assert (stated["rows"], stated["tokens"], stated["padded"]) == (len(tokenizer), len(tokenizer), 0)
    padded = tmp_path / "padded"
    padded.mkdir()
    (padded / "tokenizer.json").write_bytes((packaged_teacher.folder / "model/tokenizer.json").read_bytes())
    (padded / "config.json").write_text(json.dumps({"text_config": {"vocab_size": len(tokenizer) + 6}}))
    found = vocabulary(padded)
    assert found == {**stated, "rows": len(tokenizer) + 6, "padded": 6}
    (padded / "tokenizer.json").unlink()
    assert vocabulary(padded) is None


def test_a_model_folder_with_a_pickle_is_refused(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.mkdir()
    for file in (packaged_teacher.stages.finetuned / "model").iterdir():
        (source / file.name).write_bytes(file.read_bytes())
    (source / "training_args.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(UserError, match="pickle"):
        pack_model(source, tmp_path / "packed")


def test_classes_are_written_in_the_order_of_the_logits(tmp_path: Path) -> None:
    """Programs in other languages read the values in the order of the file."""
    set_seed(0)
    names = [f"class {20 - at}" for at in range(12)]
    classes = {"id2label": dict(enumerate(names)), "label2id": {name: at for at, name in enumerate(names)}}
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1], **classes)
    ResNetForImageClassification(config).save_pretrained(tmp_path / "model")
    pack_model(tmp_path / "model", tmp_path / "packed")
    assert list(read_json(tmp_path / "packed/config.json")["id2label"].values()) == names
