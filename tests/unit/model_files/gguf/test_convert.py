"""A base in a GGUF file: logits and tokens of the model that it was written from, or refused by name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from teacherspec.errors import BaseModelError
from teacherspec.model_files.gguf import convert
from teacherspec.model_files.gguf.convert import convert_once, describe
from teacherspec.model_files.security_scan import check_folder
from tests.toys.language_models import CHATML, LINES, SHAPE, tiny_model, tiny_tokenizer

gguf = pytest.importorskip("gguf", reason="gguf is in requirements-dev.txt")
toys = pytest.importorskip("tests.toys.gguf")

BATCH = torch.arange(48).reshape(2, 24)


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=BATCH).logits


def written(folder: Path, family: str = "llama", **values: Any) -> Path:
    tokenizer = values.pop("tokenizer", tiny_tokenizer(CHATML, adds_bos=False))
    return toys.write_gguf(folder / "tiny.gguf", tiny_model(family), tokenizer, **values)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A GGUF with a licence beside it, and the folder that it was converted to."""
    place = tmp_path_factory.mktemp("llama")
    (place / "LICENSE").write_text("free")
    file = written(place)
    return file, convert_once(file, place / "cache")


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_logits_are_those_of_the_model_that_was_written(
    family: str, tmp_path: Path, llama: tuple[Path, Path]
) -> None:
    folder = llama[1] if family == "llama" else convert_once(written(tmp_path, family), tmp_path / "cache")
    read = AutoModelForCausalLM.from_pretrained(folder)
    assert read.config.model_type == family
    torch.testing.assert_close(logits(read), logits(tiny_model(family)), rtol=0, atol=1e-5)


def test_a_file_called_mistral_gets_no_window_that_it_does_not_state(tmp_path: Path) -> None:
    """transformers goes by the title of the file, and then finds no names for its tensors."""
    folder = convert_once(written(tmp_path, general={"name": "mistral"}), tmp_path / "cache")
    read = AutoModelForCausalLM.from_pretrained(folder)
    assert read.config.model_type == "llama"
    assert not hasattr(read.config, "sliding_window")
    torch.testing.assert_close(logits(read), logits(tiny_model("llama")), rtol=0, atol=1e-5)


@pytest.mark.parametrize("adds_bos", [False, True])
def test_tokens_template_and_ends_are_those_of_the_tokenizer(
    adds_bos: bool, llama: tuple[Path, Path], tmp_path: Path
) -> None:
    wanted = tiny_tokenizer(CHATML, adds_bos=adds_bos)
    folder = convert_once(written(tmp_path, tokenizer=wanted), tmp_path / "cache") if adds_bos else llama[1]
    read = AutoTokenizer.from_pretrained(folder)
    assert len(read) == SHAPE["vocab_size"], "no token beyond those of the file"
    for line in (*LINES, "  12 x", "<|im_start|>user\nÄ €🙂<|im_end|>"):
        assert read(line)["input_ids"] == wanted(line)["input_ids"], line
    messages = [{"role": "user", "content": "Hello"}]
    assert (
        read.apply_chat_template(messages)["input_ids"] == wanted.apply_chat_template(messages)["input_ids"]
    )
    assert (read.bos_token, read.eos_token, read.pad_token) == ("<s>", "</s>", "</s>")


def test_the_folder_is_a_base_like_any_other_without_a_trace_of_the_format(llama: tuple[Path, Path]) -> None:
    file, folder = llama
    contents = check_folder(folder)
    assert {tensor.dtype for tensor in contents.tensors.values()} == {"F32"}
    assert "quantization_config" not in contents.config
    texts = " ".join(path.read_text() for path in folder.glob("*.json"))
    assert "gguf" not in texts
    assert str(file.parent) not in texts
    assert (folder / "LICENSE").read_text() == "free"


def test_a_file_is_converted_once_and_again_to_the_same_bytes(
    llama: tuple[Path, Path], tmp_path: Path
) -> None:
    file, folder = llama
    assert convert_once(file, folder.parent) == folder
    again = convert_once(file, tmp_path / "other")
    for path in folder.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"])
def test_quantised_weights_are_those_that_the_format_defines(kind: str, tmp_path: Path) -> None:
    """The gguf library decodes independently of the header's table of block sizes."""
    # Rows are a multiple of a block of 32 values.
    wide = LlamaForCausalLM(LlamaConfig(**{**SHAPE, "intermediate_size": 64}))
    file = toys.write_gguf(tmp_path / "tiny.gguf", wide, tiny_tokenizer(), stored_as=kind)
    model = AutoModelForCausalLM.from_pretrained(convert_once(file, tmp_path / "cache"))
    wanted = {
        tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        for tensor in gguf.GGUFReader(file).tensors
    }
    given = toys.tensors_of(model)
    assert given.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_array_equal(given[name], values, err_msg=name)
    assert describe(file)["tensors"] == {"F32": 5, kind: 16}


def test_digits_are_words_of_their_own_where_the_file_says_so(tmp_path: Path) -> None:
    """transformers does not know these names, and would merge spaces before a digit otherwise."""
    tokenizer = tiny_tokenizer(CHATML, adds_bos=False)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    file = written(tmp_path, tokenizer=tokenizer, words="smollm")
    read = AutoTokenizer.from_pretrained(convert_once(file, tmp_path / "cache"))
    split = read.backend_tokenizer.pre_tokenizer.pre_tokenize_str
    assert split("in  1234") == tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("in  1234")
    assert len(split("1234")) == 4


# --- refused ------------------------------------------------------------------------------------------

MATRIX = np.zeros((48, 33), np.float32)
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "architecture": ({"architecture": "falcon"}, "is of architecture 'falcon'; read are llama, qwen2, qwen3"),
    "no tokenizer": ({"tokenizer": None}, r"has no tokenizer \(`tokenizer\.ggml\.tokens`\)"),
    "words": ({"words": "klingon"}, "how `tokenizer.ggml.pre` 'klingon' splits a text is not known"),
    "shape": (
        {"tensors": {"blk.1.ffn_up.weight": MATRIX}},
        r"tensor `blk\.1\.ffn_up\.weight` has shape \[48, 33\], the settings declare \[48, 32\]",
    ),
    "missing": ({"tensors": {"blk.0.attn_q.weight": None}}, r"tensor `blk\.0\.attn_q\.weight` is missing"),
    "rope factors": (
        {"tensors": {"rope_freqs.weight": np.ones(4, np.float32)}},
        r"tensor `rope_freqs\.weight` is no part of llama as it is read here",
    ),
    "biases": (
        {"tensors": {"blk.0.attn_q.bias": np.ones(32, np.float32)}},
        r"tensor `blk\.0\.attn_q\.bias` is no part of llama",
    ),
    "rope scaling": (
        {"settings": {"rope.scaling.type": "yarn"}},
        r"setting `llama\.rope\.scaling\.type` \('yarn'\) would be ignored",
    ),
    "window": ({"settings": {"attention.sliding_window": 9}}, "sliding_window` .* would be ignored"),
    "no setting": (
        {"settings": {"attention.head_count_kv": None}},
        "head_count_kv` is None; a positive number",
    ),
    "layers": ({"settings": {"block_count": 4_000_000_000}}, "block_count` is 4000000000, with 21 tensors"),
    "width": ({"settings": {"embedding_length": 1 << 31}}, r"the settings declare \[.*2147483648"),
    "heads": (
        {"settings": {"rope.dimension_count": 4}},
        r"heads have several widths \(\['4', '8'\]\); one is read",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_read_wrongly_is_refused_by_name_and_nothing_stays(name: str, tmp_path: Path) -> None:
    values, complaint = REFUSED[name]
    file = written(tmp_path, **values)
    with pytest.raises(BaseModelError, match=complaint):
        convert_once(file, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    file = written(tmp_path, tokenizer=None, settings={"rope.scaling.type": "yarn"})
    with pytest.raises(BaseModelError) as caught:
        convert_once(file, tmp_path / "cache")
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_file_names_those_that_are_there(llama: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(
        BaseModelError, match=r"base\.source\.gguf: no such file; GGUF files there: tiny\.gguf"
    ):
        convert_once(llama[0].with_name("other.gguf"), tmp_path)


def test_without_the_library_the_extra_is_named(
    llama: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(BaseModelError, match=r"pip install 'teacherspec\[gguf\]'"):
        convert_once(llama[0], tmp_path)


def test_a_failure_of_the_reader_is_named_with_its_step_and_leaves_nothing(
    llama: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "MEMORY_LIMIT_BYTES", -(3 << 28))
    with pytest.raises(BaseModelError, match=r"tiny\.gguf: .*(memory|step|weights|settings)"):
        convert_once(llama[0], tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_other_files_beside_it_are_not_read(llama: tuple[Path, Path], tmp_path: Path) -> None:
    """A folder of the hub also holds what loading would follow."""
    file = tmp_path / "tiny.gguf"
    file.write_bytes(llama[0].read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": "x.Y"}}))
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "elsewhere"}))
    folder = convert_once(file, tmp_path / "cache")
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llama"
    assert not (folder / "adapter_config.json").exists()
