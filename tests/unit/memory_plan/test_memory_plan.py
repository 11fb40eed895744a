"""The memory plan against published counts, against the whole depth, and against a real process."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from teacherspec.cli.plan_memory import command
from teacherspec.errors import BaseModelError
from teacherspec.memory_plan import step_memory as steps
from teacherspec.memory_plan.config_shapes import auto_class, read_config, shapes
from teacherspec.memory_plan.report import lines, make_plan, place
from teacherspec.memory_plan.sharding import Devices, shared
from teacherspec.memory_plan.step_memory import Memory, Step, step_memory
from teacherspec.spec.finetune import Full, Lora

LLAMA = {"model_type": "llama", "vocab_size": 32000, "max_position_embeddings": 4096}
SEVEN = {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32}
PUBLISHED = {
    "Llama-2-7B": ({**LLAMA, **SEVEN, "intermediate_size": 11008}, 6_738_415_616, 2 * 32 * 32 * 128 * 2),
    "Llama-2-70B": (
        {
            **LLAMA,
            "hidden_size": 8192,
            "num_hidden_layers": 80,
            "num_attention_heads": 64,
            "num_key_value_heads": 8,
            "intermediate_size": 28672,
        },
        68_976_648_192,
        2 * 80 * 8 * 128 * 2,
    ),
    "Mistral-7B": (
        {**SEVEN, "model_type": "mistral", "vocab_size": 32000, "num_key_value_heads": 8}
        | {"intermediate_size": 14336},
        7_241_732_096,
        2 * 32 * 8 * 128 * 2,
    ),
    "Qwen2.5-7B": (
        {
            "model_type": "qwen2",
            "hidden_size": 3584,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "intermediate_size": 18944,
            "vocab_size": 152064,
            "tie_word_embeddings": False,
        },
        7_615_616_512,
        2 * 28 * 4 * 128 * 2,
    ),
}
"""Config facts → number of parameters and bytes of cache a token, as published or worked out by hand."""

SMALL = {
    "model_type": "llama",
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "intermediate_size": 704,
    "vocab_size": 5000,
}
TINY = {**SMALL, "hidden_size": 64, "num_hidden_layers": 1, "intermediate_size": 128, "vocab_size": 500}
STEP = Step(examples=8, length=256, supervised=128)

REAL_STEP = """
import resource, sys, json, torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoConfig, AutoModelForCausalLM

def private():
    resident, shared = open("/proc/self/statm").read().split()[1:3]
    return (int(resident) - int(shared)) * resource.getpagesize()

class Watched(TorchDispatchMode):
    most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.most = max(self.most, private())
        return made

def rounds(config, examples, length, supervised, checkpointing):
    model = AutoModelForCausalLM.from_config(config)
    model.train()
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    ids = torch.zeros(examples, length, dtype=torch.long)
    for _ in range(2):
        mask = torch.ones_like(ids)
        out = model(input_ids=ids, attention_mask=mask, logits_to_keep=supervised, use_cache=False)
        logits = out.logits.float().flatten(0, 1)
        torch.nn.functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long)).backward()
        del out, logits
        optimizer.step()
        optimizer.zero_grad()

values, checkpointing = json.loads(sys.argv[1]), sys.argv[2] == "True"
tiny = {**values, "hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 16, "vocab_size": 50}
rounds(AutoConfig.for_model(**tiny), 1, 8, 4, checkpointing)
before = private()
with Watched() as watched:
    rounds(AutoConfig.for_model(**values), 8, 256, 128, checkpointing)
print(watched.most - before)
"""
"""Prints the private memory that a real step adds to a process, looked at after every operation.

Private: the peak that the kernel keeps (`ru_maxrss`) also counts the pages of torch's libraries, 400 MB that
the kernel takes and gives back as the machine's other work has it.
"""


def config_of(values: dict, folder: Path):
    (folder / "config.json").write_text(json.dumps(values))
    return read_config(folder)


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_are_the_published_ones(name, tmp_path):
    values, parameters, cache = PUBLISHED[name]
    found = shapes(config_of(values, tmp_path), "AutoModelForCausalLM")
    assert found.parameters == parameters
    assert found.cache == cache


def test_seven_billion_parameters_need_what_arithmetic_says(tmp_path):
    config = config_of(PUBLISHED["Llama-2-7B"][0], tmp_path)
    memory = step_memory(config, "AutoModelForCausalLM", Full(), Step(1, 128, 64, accumulate=True))
    parameters = 6_738_415_616
    assert memory.gradients == 4 * parameters
    assert memory.weights == pytest.approx(4 * parameters, rel=1e-5)  # and the rotary frequencies
    assert memory.optimizer == pytest.approx(8 * parameters, rel=1e-5)  # and the step counters


@pytest.mark.parametrize(
    ("method", "length"),
    [(Full(), 16), pytest.param(Full(), 512, marks=pytest.mark.slow), (Lora(kind="lora", rank=4), 64)],
    ids=str,
)
def test_a_deep_model_is_extrapolated_exactly(method, length, tmp_path, monkeypatch):
    config = config_of({**TINY, "num_hidden_layers": 13}, tmp_path)
    step = replace(STEP, length=length, supervised=8)
    from_few = step_memory(config, "AutoModelForCausalLM", method, step)
    monkeypatch.setattr(steps, "SHALLOW", (3, 13))
    whole = step_memory(config, "AutoModelForCausalLM", method, step)
    assert from_few.parameters == whole.parameters
    assert from_few.peak == pytest.approx(whole.peak, rel=0.01)


@pytest.mark.parametrize("checkpointing", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_real_process_needs_the_planned_memory(checkpointing, tmp_path):
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not tell the memory of a process in /proc")
    step = replace(STEP, checkpointing=checkpointing)
    planned = step_memory(config_of(SMALL, tmp_path), "AutoModelForCausalLM", Full(), step).peak
    # A threshold that is set stays as it is: what is freed goes back to the kernel at once.
    environment = {"MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    real = subprocess.run(
        [sys.executable, "-c", REAL_STEP, json.dumps(SMALL), str(checkpointing)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert planned == pytest.approx(float(real.stdout), rel=0.2)


def test_other_architectures_are_counted_as_they_are(tmp_path):
    bert = {"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    vit = {**bert, "model_type": "vit", "image_size": 32, "patch_size": 8}
    for values, task in ((bert, "text-classification"), (vit, "image-classification")):
        config = config_of(values, tmp_path)
        memory = step_memory(config, auto_class(task, config), Full(), Step(2, 16))
        assert memory.gradients == 4 * memory.parameters
        assert memory.peak > memory.static - memory.gradients


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    config = config_of({**TINY, "num_hidden_layers": 3}, tmp_path_factory.mktemp("plan"))
    return make_plan(config, "AutoModelForCausalLM", Lora(kind="lora", rank=4), STEP, Devices("toy", 1e12))


def test_every_saving_saves(plan):
    peak = {(way.method, way.checkpointing): way.share.peak for way in plan.ways}
    for method in ("full", "lora", "qlora"):
        assert peak[method, True] < peak[method, False]
    for checkpointing in (False, True):
        sizes = [peak[method, checkpointing] for method in ("qlora", "lora", "full")]
        assert sizes == sorted(sizes)
        assert len(set(sizes)) == 3


def test_devices_share_all_but_activations():
    memory = Memory(
        parameters=100, trained=100, weights=400, gradients=400, optimizer=800, forward=1500, backward=1600
    )
    alone = shared(memory, 40, Devices("one", 1e4), accumulate=False)
    four = shared(memory, 40, Devices("four", 1e4, 4), accumulate=False)
    assert alone.peak == 1600
    assert four.static == alone.static / 4
    assert four.activations == alone.activations == 300
    assert four.peak == 1200 / 4 + 2 * 40 + 300


def test_says_what_fits_and_what_to_change(plan):
    peak = {(way.method, way.checkpointing): way.share.peak for way in plan.ways}
    for size, says in (
        (peak["full", False] * 1.2, "full fits"),
        (peak["qlora", True] * 0.8, "shorten its examples"),
    ):
        *_, last = lines(place(plan, Devices("toy", size)))
        assert says in last, last
    assert "full fits" not in last


def test_the_command_prints_the_plan(tmp_path):
    config_of(TINY, tmp_path)
    run = CliRunner().invoke(command, [str(tmp_path), "--device", "h100", "--length", "64"])
    assert run.exit_code == 0, run.output
    assert "full fits" in run.output


@pytest.mark.parametrize(
    ("values", "options", "says"),
    [
        (SMALL, ["--device", "abacus"], "no size known for 'abacus'"),
        (SMALL, ["--task", "speech"], "no memory plan for 'speech'"),
        ({**SMALL, "model_type": "vit"}, [], "a vit model has no head for text-generation"),
        ({**SMALL, "model_type": "unheard"}, [], "transformers cannot read it"),
        ({"hidden_size": 3}, [], "model_type None"),
    ],
)
def test_mistakes_are_told_plainly(values, options, says, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(values))
    run = CliRunner().invoke(command, [str(tmp_path), *options])
    assert run.exit_code == 1
    assert says in run.output
    assert "Traceback" not in run.output


def test_a_missing_or_broken_config_is_named(tmp_path):
    with pytest.raises(BaseModelError, match="not found"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BaseModelError, match="not valid JSON"):
        read_config(tmp_path)
