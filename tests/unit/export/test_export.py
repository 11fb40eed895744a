"""Each form says what its reader expects, by the reader itself where it can be had."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from datasets import load_dataset, load_from_disk
from ruamel.yaml import YAML
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from teacherspec.cli.export import NAMES
from teacherspec.cli.main import main
from teacherspec.errors import UserError
from teacherspec.export.axolotl import axolotl_row, render_tokens
from teacherspec.export.package_reader import open_source
from teacherspec.export.registry import FORMATS, export
from teacherspec.package.model_export import for_timm, label_names
from teacherspec.package.verification.checksums import write_sums
from teacherspec.package.verification.verify import verify
from teacherspec.predictions.classification import load_predictions
from teacherspec.runtime.atomic_io import read_json, write_json
from tests.pipeline.causal_lm.toys import task
from tests.toys.packaged_teacher import PackagedTeacher
from tests.toys.readers import reader
from tests.unit.conftest import ROWS, K


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["export", *arguments])


def test_the_command_knows_every_form() -> None:
    assert sorted(NAMES) == sorted(FORMATS)


def test_logits_come_as_tensors(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    done = run(str(packaged_teacher.folder), str(tmp_path / "out"), "--to", "safetensors-logits")
    assert (done.exit_code, done.stderr) == (0, "")
    for split in ("train", "validation", "calibration", "out_of_scope"):
        tensors, predicted = (
            load_file(tmp_path / f"out/{split}.safetensors"),
            load_predictions(packaged_teacher.stages.evaluated, split),
        )
        np.testing.assert_array_equal(tensors["logits"], predicted.logits)
        np.testing.assert_array_equal(tensors["labels"], predicted.labels)
        assert read_json(tmp_path / f"out/{split}.json")["id"] == list(predicted.ids)
    assert read_json(tmp_path / "out/label_names.json") == ["cold", "hot", "wet"]


def test_one_split_can_be_chosen_and_an_unknown_one_is_refused(
    packaged_teacher: PackagedTeacher, tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    assert (
        run(
            str(packaged_teacher.folder), out, "--to", "safetensors-logits", "--split", "validation"
        ).exit_code
        == 0
    )
    assert sorted(path.name for path in (tmp_path / "out").glob("*.safetensors")) == [
        "validation.safetensors"
    ]
    wrong = run(str(packaged_teacher.folder), f"{out}-2", "--to", "safetensors-logits", "--split", "test")
    assert wrong.exit_code == 1
    assert (
        "no soft targets of test (there are calibration, out_of_scope, train, transfer, validation)"
        in wrong.stderr
    )
    assert not (tmp_path / "out-2").exists()


@pytest.mark.parametrize("name", ["axolotl", "distillkit", "trl"])
def test_a_classifier_is_no_language_model(
    packaged_teacher: PackagedTeacher, tmp_path: Path, name: str
) -> None:
    wrong = run(str(packaged_teacher.folder), str(tmp_path / "out"), "--to", name)
    assert wrong.exit_code == 1
    assert "this teacher can be exported to safetensors-logits\n" in wrong.stderr
    assert not (tmp_path / "out").exists()


def kept(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_that_exists_is_replaced(
    packaged_teacher: PackagedTeacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a folder, a file, a link, the package itself, nor a place in or below them."""
    teacher = Path(shutil.copytree(packaged_teacher.folder, tmp_path / "teacher"))
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/thesis.txt").write_text("years")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("precious")
    (tmp_path / "dangling").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    before = kept(tmp_path)
    places = (
        "precious",
        "empty",
        "file",
        "link",
        "dangling",
        "teacher",
        ".",
        "..",
        "file/out",
        "teacher/out",
    )
    for place in places:
        refused = run("teacher", place, "--to", "safetensors-logits")
        assert refused.exit_code == 1, place
        assert isinstance(refused.exception, SystemExit), place
        assert refused.stderr.count("\n") == 1, place
    assert kept(tmp_path) == before
    assert [check for check in verify(teacher) if check.problems] == []


@pytest.mark.parametrize("split", ["../../mine", "/mine", ".", "a/b", "Train", "train\n", "-x", ""])
@pytest.mark.parametrize("option", [(), ("--unchecked",)])
def test_names_of_splits_are_no_paths(
    packaged_teacher: PackagedTeacher, tmp_path: Path, split: str, option: tuple[str, ...]
) -> None:
    teacher = Path(shutil.copytree(packaged_teacher.folder, tmp_path / "place/teacher"))
    metadata = read_json(teacher / "metadata.json")
    metadata["soft_targets"]["rows"] = {split: 384}
    write_json(teacher / "metadata.json", metadata)
    write_sums(teacher)
    before = kept(tmp_path)
    refused = run(str(teacher), str(tmp_path / "place/out"), "--to", "safetensors-logits", *option)
    assert refused.exit_code == 1
    assert "metadata" in refused.stderr
    assert kept(tmp_path) == before


def test_a_failed_export_leaves_nothing(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    teacher = Path(shutil.copytree(packaged_teacher.folder, tmp_path / "teacher"))
    shard = teacher / "distill/soft/validation-00000-of-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:-500] + b"PAR1" * 125)
    failed = run(str(teacher), str(tmp_path / "out"), "--to", "safetensors-logits", "--unchecked")
    assert failed.exit_code == 1
    assert "cannot be exported to safetensors-logits" in failed.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["teacher"]


def sparse_kl(teacher: dict[str, Any], logits: torch.Tensor) -> float:
    """KL as DistillKit states it: over the top k, and by `symmetric_uniform` the rest as one event."""
    ids, values = torch.tensor(teacher["token_ids"]), torch.tensor(teacher["top_values"])
    student = logits.log_softmax(-1).gather(-1, ids)
    found = (values.exp() * (values - student)).sum(-1)
    left, right = (1 - values.exp().sum(-1)).clamp(min=1e-6), (1 - student.exp().sum(-1)).clamp(min=1e-6)
    found = found + left * (left / right).log()
    mask = torch.tensor(teacher["labels"]) >= 0
    return float((found * mask).sum() / mask.sum())


def test_distillkit_stacks_the_rows_and_the_teacher_is_its_own_optimum(
    language_teacher: Path, tmp_path: Path
) -> None:
    export(language_teacher, tmp_path / "out", "distillkit", unchecked=True)
    rows = load_from_disk(str(tmp_path / "out/train"))
    # collate_packed_batch: torch.tensor of every column, so all are numbers of one shape
    batch = {name: torch.tensor([row[name] for row in rows]) for name in rows.column_names}
    assert batch["token_ids"].shape == batch["top_values"].shape == (*batch["input_ids"].shape, K)
    assert not batch["top_values"].isnan().any()
    assert ((batch["labels"] >= 0) <= (batch["attention_mask"] == 1)).all()
    model = AutoModelForCausalLM.from_pretrained(language_teacher / "model")
    with torch.inference_mode():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    own = [sparse_kl(row, at) for row, at in zip(rows, logits, strict=True)]
    assert max(map(abs, own)) < 1e-4
    shifted = [sparse_kl(row, at.roll(1, 0)) for row, at in zip(rows, logits, strict=True)]
    assert min(shifted) > 0.01


DISTILLKIT_KEYS = {
    "project_name", "model", "dataset", "teacher", "sequence_length", "output_path", "loss_functions",
}  # fmt: skip


def test_distillkits_settings_keep_its_schema(language_teacher: Path, tmp_path: Path) -> None:
    export(language_teacher, tmp_path / "out", "distillkit", unchecked=True)
    config = YAML(typ="safe").load((tmp_path / "out/distillkit.yaml").read_text())
    assert config.keys() == DISTILLKIT_KEYS
    codec = config["teacher"]["logprob_compressor"]
    assert config["teacher"]["kind"] == "dataset", "the discriminator of its union"
    assert codec["exact_k"] == codec["k"] == K
    assert codec["d"] == 400
    assert config["dataset"]["prepacked"] is True
    assert (tmp_path / "out" / config["dataset"]["train_dataset"]["disk_path"]).is_dir()
    (kl,) = [loss for loss in config["loss_functions"] if loss["function"] == "kl"]
    assert kl["missing_probability_handling"] == "symmetric_uniform"
    assert config["sequence_length"] == len(load_from_disk(str(tmp_path / "out/train"))[0]["input_ids"])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_trl_finds_prompts_and_messages(language_teacher: Path, tmp_path: Path) -> None:
    assert run(str(language_teacher), str(tmp_path / "out"), "--to", "trl", "--unchecked").exit_code == 0
    stored = list(open_source(language_teacher).rows("train", ["id", "prompt"]))
    cache = str(tmp_path / "cache")
    prompts, messages = (
        load_dataset(
            "json", data_files=str(tmp_path / f"out/{form}/train.jsonl"), split="train", cache_dir=cache
        )
        for form in ("prompts", "messages")
    )
    assert prompts["prompt"][:] == [[{"role": "user", "content": row["prompt"]}] for row in stored]
    assert messages["id"][:] == prompts["id"][:] == [row["id"] for row in stored]
    for turns in messages["messages"][:]:
        assert [turn["role"] for turn in turns] == ["user", "assistant"]
        assert turns[1]["content"].startswith("The "), "the answer is read back from its tokens"


def test_a_declared_system_prompt_is_part_of_what_is_exported(language_teacher: Path, tmp_path: Path) -> None:
    teacher = Path(shutil.copytree(language_teacher, tmp_path / "teacher"))
    write_json(teacher / "provenance/spec.json", {"task": task(system="Be brief.").model_dump(mode="json")})
    turns = next(open_source(teacher).conversations("train"))["messages"]
    assert turns[0] == {"role": "system", "content": "Be brief."}
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant"]


def test_axolotl_gets_every_position(language_teacher: Path, tmp_path: Path) -> None:
    export(language_teacher, tmp_path / "out", "axolotl", unchecked=True)
    written = lines(tmp_path / "out/train.jsonl")
    assert len(written) == ROWS
    for line, row in zip(written, open_source(language_teacher).sequences("train"), strict=True):
        length = len(row["input_ids"])
        # The template ends with a line feed after the end of the answer.
        assert len(line["logprobs"]) == len(line["target_token_ids"]) == length + 1
        for at in range(length - 1):
            assert line["target_token_ids"][at] == row["token_ids"][at]
            np.testing.assert_allclose(line["logprobs"][at], row["top_values"][at])
        assert line["target_token_ids"][length - 1][0] == row["input_ids"][-1], "after the end comes the end"
    config = YAML(typ="safe").load((tmp_path / "out/axolotl.yaml").read_text())
    assert config["datasets"][0]["path"] == "train.jsonl"


def test_axolotl_is_refused_where_its_template_gives_other_tokens(language_teacher: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(language_teacher / "model")
    source = open_source(language_teacher)
    row = {**next(source.sequences("train")), **next(source.conversations("train"))}
    tokenizer.chat_template = tokenizer.chat_template + " cat"
    tokens = render_tokens(tokenizer, row)
    assert len(tokens) > len(row["input_ids"]) + 1
    assert len(axolotl_row(row, tokens)["logprobs"]) == len(tokens), "a template may end with more"
    tokenizer.chat_template = "cat " + tokenizer.chat_template
    with pytest.raises(UserError, match=r"row .*: the chat template gives other tokens"):
        render_tokens(tokenizer, row)


def test_axolotls_own_code_lays_them_at_the_same_positions(language_teacher: Path, tmp_path: Path) -> None:
    own = axolotls_reader(reader("axolotl") / "axolotl")
    export(language_teacher, tmp_path / "out", "axolotl", unchecked=True)
    for line, row in zip(
        lines(tmp_path / "out/train.jsonl"), open_source(language_teacher).sequences("train"), strict=True
    ):
        after = len(line["logprobs"]) - len(row["input_ids"])
        ids = [*row["input_ids"], *([0] * after)]
        labels = [
            i if mask else -100
            for i, mask in zip(ids, [*row["completion_mask"], *([0] * after)], strict=True)
        ]
        sample = {**line, "input_ids": ids, "labels": labels}
        settings = SimpleNamespace(logprobs_field="logprobs", gen_temperature=1.0, kd_temperature=1.0)
        found = own.ChatTemplateStrategyWithKDv2.transform_logprobs(settings, sample)
        expected = torch.tensor(row["top_values"]).log_softmax(-1)
        for at in row["positions"]:
            assert found["target_token_ids"][at] == row["token_ids"][at]
            there = torch.tensor(found["target_logprobs"][at])
            torch.testing.assert_close(there, expected[at], atol=1e-5, rtol=0)
        assert [mask[0] for mask in found["target_mask"]][: len(row["input_ids"])] == row["completion_mask"]


def axolotls_reader(place: Path) -> Any:
    """The real module, without what it imports of axolotl, which needs other versions of everything."""
    stubs = {"axolotl.prompt_strategies.chat_template": ("ChatTemplateStrategy", "StrategyLoader")}
    kept = dict(sys.modules)
    try:
        for name in (
            "axolotl",
            "axolotl.prompt_strategies",
            "axolotl.utils",
            "axolotl.utils.logging",
            *stubs,
        ):
            sys.modules[name] = ModuleType(name)
        for name, classes in stubs.items():
            vars(sys.modules[name]).update({key: type(key, (), {}) for key in classes})
        vars(sys.modules["axolotl.utils.logging"])["get_logger"] = lambda name: None
        path = place / "integrations/kd/chat_template.py"
        spec = importlib.util.spec_from_file_location("kd_chat_template", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.modules.clear()
        sys.modules.update(kept)


WRAPPED = {
    "model_type": "timm_wrapper",
    "architecture": "test_vit",
    "label_names": ["zero", "one"],
    "model_args": {"num_classes": 2, "in_chans": 3, "drop_rate": 0.0},
    "pretrained_cfg": {
        "num_classes": 1000,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "input_size": [3, 160, 160],
    },
}
"""What transformers saves of a model of timm: no `id2label`."""


def test_timm_finds_architecture_classes_and_preparation(
    packaged_teacher: PackagedTeacher, tmp_path: Path
) -> None:
    teacher = tmp_path / "teacher"
    (teacher / "model").mkdir(parents=True)
    (teacher / "distill").symlink_to(packaged_teacher.folder / "distill")
    (teacher / "metadata.json").symlink_to(packaged_teacher.folder / "metadata.json")
    packed = for_timm(WRAPPED)
    assert packed["id2label"] == {"0": "zero", "1": "one"}
    assert packed["label2id"] == {"zero": 0, "one": 1}
    write_json(teacher / "model/config.json", packed)
    save_file({"head.weight": np.ones((2, 3), np.float32)}, teacher / "model/model.safetensors")
    export(teacher, tmp_path / "out", "timm", unchecked=True)
    config = read_json(tmp_path / "out/config.json")
    # What timm.models._hub.load_model_config_from_path and create_model read of it.
    assert config["architecture"] == "test_vit"
    assert config["num_classes"] == config["pretrained_cfg"]["num_classes"] == 2
    assert config["label_names"] == ["zero", "one"]
    assert config["pretrained_cfg"]["mean"] == [0.5, 0.5, 0.5]
    assert config["model_args"] == {"drop_rate": 0.0}, "num_classes there would be given twice"
    assert (tmp_path / "out/model.safetensors").is_file()
    assert for_timm({**WRAPPED, "model_args": None})["model_args"] == {}
    assert label_names(WRAPPED) == label_names(packed) == ("zero", "one")


def test_only_timms_models_go_to_timm(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a bert of transformers, whose weights have other names"):
        export(packaged_teacher.folder, tmp_path / "out", "timm")
