"""transformers 4.57 itself reads packaged models, with the same logits and tokens as transformers 5."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    CLIPConfig,
    CLIPModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    set_seed,
)

from teacherspec.package.model_export import pack_model, tokenizer_config_for_transformers_4
from teacherspec.package.transformers_4 import OLDEST_TESTED, TESTED, least_version
from teacherspec.runtime.atomic_io import read_json, write_json
from teacherspec.tasks.shared.hf_saving import save_pretrained
from tests.toys.architectures import ARCHITECTURES, inputs_of
from tests.toys.language_models import CHATML, SHAPE, tiny_model, tiny_tokenizer
from tests.toys.readers import ask, reader

TEXT = "The quick brown fox, 42 legs"
CLASSES = {"id2label": {0: "cold", 1: "hot"}, "label2id": {"cold": 0, "hot": 1}}
LAYERS = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
ROPE = {"rope_type": "default", "rope_theta": 123456.0}
LLAMA3_ROPE = {
    "rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip


def llama(rope: dict[str, Any]) -> Callable[[], Any]:
    return lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, rope_parameters=rope))


def own_head() -> LlamaForCausalLM:
    """Declared as tied, and trained to a head of its own."""
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=True))
    model.get_output_embeddings().weight = torch.nn.Parameter(torch.randn(SHAPE["vocab_size"], 32))
    return model


MADE: dict[str, tuple[str, Callable[[], Any]]] = {
    "llama": ("AutoModelForCausalLM", llama(ROPE)),
    "llama3 rope": ("AutoModelForCausalLM", llama(LLAMA3_ROPE)),
    "mistral": ("AutoModelForCausalLM", lambda: tiny_model("mistral")),
    "qwen2": ("AutoModelForCausalLM", lambda: tiny_model("qwen2")),
    "qwen3": ("AutoModelForCausalLM", lambda: tiny_model("qwen3")),
    "gpt2": ("AutoModelForCausalLM", lambda: tiny_model("gpt2")),
    "own head": ("AutoModelForCausalLM", own_head),
    "bert": (
        "AutoModelForSequenceClassification",
        lambda: BertForSequenceClassification(BertConfig(vocab_size=400, **LAYERS, **CLASSES)),
    ),
    "vit": (
        "AutoModelForImageClassification",
        lambda: ViTForImageClassification(ViTConfig(image_size=32, patch_size=16, **LAYERS, **CLASSES)),
    ),
    "resnet": (
        "AutoModelForImageClassification",
        lambda: ResNetForImageClassification(
            ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], **CLASSES)
        ),
    ),
    "clip": (
        "AutoModel",
        lambda: CLIPModel(
            CLIPConfig(
                text_config={"vocab_size": 400, "max_position_embeddings": 32, **LAYERS},
                vision_config={"image_size": 32, "patch_size": 16, **LAYERS},
                projection_dim=8,
            )
        ),
    ),
}
IDS = torch.tensor([[1, 5, 7, 3, 9, 100, 2, 2]])

PROGRAM = """
import json, sys
from pathlib import Path
import torch, transformers
from safetensors.torch import load_file

assert transformers.__version__.startswith("4.57"), transformers.__version__
found = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    about = json.loads((folder / "about.json").read_text())
    loader = getattr(transformers, about["class"])
    model, report = loader.from_pretrained(folder / "model", output_loading_info=True)
    model = model.eval()
    batch = load_file(folder / "inputs.safetensors")
    with torch.inference_mode():
        out = model(**batch)
    logits = out.logits if "logits" in out else out.logits_per_image
    off = float((logits - load_file(folder / "logits.safetensors")["logits"]).abs().max())
    said = {"off": off, "dtype": str(model.dtype), "labels": model.config.id2label}
    said["drawn"] = sorted(set(report["missing_keys"]) & dict(model.named_parameters()).keys())
    if "text" in about:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "model")
        said["ids"] = tokenizer(about["text"])["input_ids"]
        said["class"] = type(tokenizer).__name__
        if about["chat"]:
            said["chat"] = tokenizer.apply_chat_template([{"role": "user", "content": "why"}], tokenize=False)
    found[about["name"]] = said
print(json.dumps(found))
"""


def inputs(auto: str) -> dict[str, torch.Tensor]:
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    if auto == "AutoModelForImageClassification":
        return {"pixel_values": pixels}
    ids = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
    return {**ids, "pixel_values": pixels} if auto == "AutoModel" else ids


def wordpiece() -> PreTrainedTokenizerFast:
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "the",
        "quick",
        "brown",
        "fox",
        "leg",
        "##s",
        ",",
        "42",
    ]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")


def write(place: Path, name: str, *, packed: bool = True) -> Path:
    """A saved model, packed unless told otherwise, with inputs and the logits of this transformers."""
    auto, make = MADE[name]
    set_seed(0)
    model = make().eval()
    text = auto in ("AutoModelForCausalLM", "AutoModelForSequenceClassification")
    chat = auto == "AutoModelForCausalLM"
    folder = place / name.replace(" ", "-")
    saved = folder / ("saved" if packed else "model")
    if text:
        base = place.with_name(f"{place.name}-base-{folder.name}")
        save_pretrained(model, tiny_tokenizer(CHATML) if chat else wordpiece(), base)
        # As this project loads it: transformers gives some families their own splitting of words.
        save_pretrained(model, AutoTokenizer.from_pretrained(base), saved)
    else:
        model.save_pretrained(saved)
    if packed:
        pack_model(saved, folder / "model")
    batch = inputs(auto)
    with torch.inference_mode():
        out = model(**batch)
    logits = out.logits if "logits" in out else out.logits_per_image
    save_file(batch, folder / "inputs.safetensors")
    save_file({"logits": logits.contiguous()}, folder / "logits.safetensors")
    about = {"name": name, "class": auto, "chat": chat}
    write_json(folder / "about.json", {**about, "text": TEXT} if text else about)
    return folder


def test_the_older_transformers_gives_the_same_logits_and_tokens(tmp_path: Path) -> None:
    reader("transformers4")
    folders = {name: write(tmp_path, name) for name in MADE}
    found = ask("transformers4", PROGRAM, tmp_path)
    assert found.keys() == MADE.keys()
    for name, said in found.items():
        assert said["off"] < 1e-5, name
        assert said["dtype"] == "torch.float32"
        if "ids" in said:
            tokenizer = AutoTokenizer.from_pretrained(folders[name] / "model")
            assert said["ids"] == tokenizer(TEXT)["input_ids"], name
        if "chat" in said:
            turns = [{"role": "user", "content": "why"}]
            assert said["chat"] == tokenizer.apply_chat_template(turns, tokenize=False)
    assert found["bert"]["labels"] == {"0": "cold", "1": "hot"}


def test_without_packing_it_reads_another_model(tmp_path: Path) -> None:
    """The control: what transformers 5 saves is computed with another theta, and nothing is said."""
    reader("transformers4")
    for name in ("llama", "llama3 rope"):
        settings = write(tmp_path, name, packed=False) / "model/tokenizer_config.json"
        write_json(settings, tokenizer_config_for_transformers_4(read_json(settings)))
    assert all(said["off"] > 1e-3 for said in ask("transformers4", PROGRAM, tmp_path).values())


def types_in(config: dict[str, Any]) -> set[str]:
    """The architectures of a config and of those nested in it."""
    nested = [value for name, value in config.items() if name.endswith("_config") and isinstance(value, dict)]
    return {config["model_type"]}.union(*map(types_in, nested))


def test_every_architecture_that_is_stated_as_read_is_read(tmp_path: Path) -> None:
    reader("transformers4")
    written = set()
    for auto, made in ARCHITECTURES.items():
        for name, make in made.items():
            folder, batch = tmp_path / name, inputs_of(auto, name)
            set_seed(0)
            model = getattr(transformers, auto).from_config(make()).eval()
            with torch.inference_mode():
                for parameter in model.parameters():  # else many layers are the identity
                    parameter.add_(0.05 * torch.randn(parameter.shape))
                out = model(**batch)
            model.save_pretrained(folder / "saved")
            pack_model(folder / "saved", folder / "model")
            config = read_json(folder / "model/config.json")
            assert least_version(config) == OLDEST_TESTED, name
            written |= types_in(config)
            logits = out.logits if "logits" in out else out.logits_per_image
            save_file(batch, folder / "inputs.safetensors")
            save_file({"logits": logits.contiguous()}, folder / "logits.safetensors")
            write_json(folder / "about.json", {"name": name, "class": auto})
    found = ask("transformers4", PROGRAM, tmp_path)
    assert {name: said["drawn"] for name, said in found.items() if said["drawn"]} == {}
    assert {name: said["off"] for name, said in found.items() if said["off"] > 1e-4} == {}
    assert written | {"gpt2", "llama", "mistral", "qwen2", "qwen3"} == TESTED, "no other is stated as read"
