"""Two processes against one, through the real doors: the same training, the same predictions."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from accelerate.commands.config.config_args import load_config_from_file
from click.testing import CliRunner

from stages.finetune import main
from teacherspec.errors import UserError
from teacherspec.runtime import machine
from teacherspec.runtime.atomic_io import sha256_file, write_json
from teacherspec.runtime.launcher import launch
from tests.pipeline.processes.toy_project import (
    DDP,
    FSDP2,
    ROOT,
    difference,
    environment,
    evaluate,
    finetune,
    losses,
    run_door,
    validation_losses,
    workplace,
)

WEIGHTS, LOSS = 1e-3, 1e-5
"""Largest difference that rounding may cause: of all weights relative to their size (where a gradient is zero
but for rounding, Adam makes a full step of either sign), and of a logged loss, nats."""


def same(one: Path, other: Path) -> bool:
    """Whether two trainings are the same within rounding."""
    return bool(
        difference(one, other) < WEIGHTS
        and np.abs(losses(one) - losses(other)).max() < LOSS
        and np.abs(validation_losses(one) - validation_losses(other)).max() < LOSS
    )


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_two_processes_train_as_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = workplace(tmp_path / "place", "text_classification", epochs=2)
    monkeypatch.chdir(place)
    monkeypatch.setenv(machine.ACCELERATE, "none")
    done = CliRunner().invoke(main, ["prepared", "manifest.json", "one"])
    assert done.exit_code == 0, done.output
    assert same(place / "one", finetune(place, "two", DDP))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A workplace of each kind, with what one process trained, `one`."""
    folder = tmp_path_factory.mktemp("places")
    made = {kind: workplace(folder / kind, kind) for kind in ("text_classification", "causal_lm")}
    for place in made.values():
        finetune(place, "one", None)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text_classification", "causal_lm"])
@pytest.mark.parametrize("config", [DDP, FSDP2], ids=["ddp", "fsdp2"])
@pytest.mark.parametrize("micro_batch", [16, 4])
def test_sharing_changes_nothing_but_rounding(
    places: dict[str, Path], kind: str, config: Path, micro_batch: int
) -> None:
    output = f"{config.stem}-{micro_batch}"
    two = finetune(places[kind], output, config, TEACHERSPEC_MICRO_BATCH=str(micro_batch))
    assert same(places[kind] / "one", two)
    assert [path.name for path in two.rglob("*.safetensors")] == ["model.safetensors"], (
        "one consolidated file"
    )


@pytest.mark.slow
@pytest.mark.parametrize("mistake", ["repeat_rows", "own_order"])
def test_mistakes_of_sharing_are_noticed(places: dict[str, Path], mistake: str) -> None:
    """Negative controls of the test before: the same door, with one thing done as others do it."""
    place = places["text_classification"]
    done = naive(place, mistake, f"naive-{mistake}")
    assert done.returncode == 0, done.stderr
    assert not same(place / "one", place / f"naive-{mistake}")


def naive(place: Path, mistake: str, output: str) -> "subprocess.CompletedProcess[str]":
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    return subprocess.run(
        [*torchrun, "-m", "tests.pipeline.processes.naive", mistake, "prepared", "manifest.json", output],
        cwd=place,
        env=environment(None, OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text_classification", "causal_lm"])
@pytest.mark.parametrize("config", [DDP, FSDP2], ids=["ddp", "fsdp2"])
def test_every_row_is_predicted_once_and_every_byte_is_the_same(
    places: dict[str, Path], kind: str, config: Path
) -> None:
    place = places[kind]
    one = evaluate(place, "one", f"one-{config.stem}", None, OMP_NUM_THREADS="1")
    two = evaluate(place, "one", f"two-{config.stem}", config, OMP_NUM_THREADS="1")
    assert digest(one) == digest(two)
    reports = [digest(folder.with_name(f"{folder.name}-reports")) for folder in (one, two)]
    assert reports[0] == reports[1]


@pytest.mark.slow
def test_an_evaluation_that_was_killed_goes_on_from_its_shards(places: dict[str, Path]) -> None:
    """Two processes, of which one dies at the sixth shard; two finish, and leave what one process leaves."""
    place = places["text_classification"]
    launch = f"{sys.executable} -m torch.distributed.run --standalone --nproc_per_node=2"
    two = {
        "TEACHERSPEC_LAUNCHER": f"{launch} -m tests.pipeline.processes.small_shards",
        "OMP_NUM_THREADS": "1",
    }
    small = [sys.executable, "-m", "tests.pipeline.processes.small_shards", "-m", "stages.evaluate"]
    of_one, of_two = (
        ("prepared", "one", "manifest.json", name, f"{name}-reports", f"{name}-time.json")
        for name in ("shards-one", "shards-two")
    )
    alone = environment(None, OMP_NUM_THREADS="1")
    subprocess.run([*small, *of_one], cwd=place, env=alone, check=True, capture_output=True)
    killed = run_door("evaluate", place, *of_two, config=None, DIE_AFTER="5", **two)
    assert killed.returncode != 0
    assert not (place / "shards-two").exists()
    left = list(place.glob(".scratch/evaluate/*/splits/*/*.npy"))
    assert len(left) == 5
    assert digest(evaluate(place, "one", "shards-two", None, **two)) == digest(place / "shards-one")
    assert not (place / ".scratch/evaluate").exists(), "nothing is left to go on from"


@pytest.mark.slow
@pytest.mark.parametrize("config", [DDP, FSDP2], ids=["ddp", "fsdp2"])
def test_an_adapter_of_several_processes_is_merged(tmp_path: Path, config: Path) -> None:
    place = workplace(tmp_path / "place", "causal_lm", method={"kind": "lora", "rank": 4})
    one, two = finetune(place, "one", None), finetune(place, "two", config)
    assert same(one, two)
    told = [json.loads((folder / "training.json").read_text()) for folder in (one, two)]
    counts = ("parameters", "trainable_parameters", "steps", "best_step")
    assert [told[0][name] for name in counts] == [told[1][name] for name in counts]


@pytest.mark.slow
def test_four_bits_are_copied_and_never_shared_out(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is in requirements-dev.txt")
    method = {"kind": "lora", "rank": 4, "quantize": "nf4"}
    place = workplace(tmp_path / "place", "causal_lm", method=method)
    assert same(finetune(place, "one", None), finetune(place, "two", DDP))
    done = run_door("finetune", place, "prepared", "manifest.json", "shared", config=FSDP2)
    assert done.returncode == 1
    assert "4-bit weights cannot be sharded among processes" in done.stderr
    assert not (place / "shared").exists()


@pytest.mark.slow
def test_the_running_mean_is_that_of_one_process_and_never_sharded(tmp_path: Path) -> None:
    place = workplace(tmp_path / "place", "text_classification", epochs=2, running_mean={"decay": 0.8})
    assert same(finetune(place, "one", None), finetune(place, "two", DDP))
    done = run_door("finetune", place, "prepared", "manifest.json", "shared", config=FSDP2)
    assert done.returncode == 1
    assert done.stderr.count("finetune.running_mean: every process needs the whole model") == 1, done.stderr


@pytest.mark.slow
def test_seeds_are_trained_and_measured_together(tmp_path: Path) -> None:
    values = {"seeds": 2, "seeds_vary": ["data_order"], "teacher": "mean_of_seeds"}
    place = workplace(tmp_path / "place", "text_classification", epochs=2, **values)
    one, two = finetune(place, "one", None), finetune(place, "two", DDP)
    assert same(one, two)
    alone = evaluate(place, "one", "alone", None, OMP_NUM_THREADS="1")
    assert digest(alone) == digest(evaluate(place, "one", "together", DDP, OMP_NUM_THREADS="1"))
    assert (alone / "seeds.tsv").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("config", [DDP, FSDP2], ids=["ddp", "fsdp2"])
def test_killed_processes_leave_no_orphan_and_end_in_the_same_bytes(tmp_path: Path, config: Path) -> None:
    values: dict[str, Any] = {"epochs": 8, "dropout": 0.1, "early_stopping": {"patience": 9}}
    place = workplace(tmp_path / "place", "text_classification", **values)
    whole = finetune(place, "whole", config)
    again = finetune(place, "again", config)
    assert digest(whole) == digest(again), "the same processes give the same bytes"
    door = subprocess.Popen(
        [sys.executable, "-m", "stages.finetune", "prepared", "manifest.json", "killed"],
        cwd=place,
        env=environment(config),
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list(place.glob(".scratch/finetune/*/checkpoint-[69]*/COMPLETE.json")):
        assert door.poll() is None, "ended before a checkpoint was seen"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    processes = psutil.Process(door.pid).children(recursive=True)
    assert len(processes) >= 2
    os.kill(door.pid, signal.SIGKILL)
    door.wait()
    _, left = psutil.wait_procs(processes, timeout=20)
    assert not left, "a process trains on without the one that started it"
    assert digest(finetune(place, "killed", config)) == digest(whole)


@pytest.mark.slow
def test_each_fold_is_answered_together(tmp_path: Path) -> None:
    place = workplace(tmp_path / "place", "text_classification", epochs=2, cross_fit=True)
    train = place / "prepared/train.parquet"
    rows = pq.read_table(train)
    folds = pa.array([number % 2 for number in range(len(rows))], pa.int32())
    pq.write_table(rows.append_column("fold", folds), train)
    index = json.loads((place / "prepared/prepared.json").read_text())
    index["splits"]["train"]["sha256"] = sha256_file(train)
    write_json(place / "prepared/prepared.json", index)
    params = place / "params.yaml"
    params.write_text(params.read_text().replace("  data: data\n", "  data: data\n  folds: 2\n"))
    one, two = finetune(place, "one", None), finetune(place, "two", DDP)
    tables = [pq.read_table(folder / "out_of_fold.parquet") for folder in (one, two)]
    assert tables[0]["id"] == tables[1]["id"] == rows["id"]
    logits = [np.array(table["logits"].to_pylist()) for table in tables]
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-3)


@pytest.mark.slow
def test_a_mistake_is_told_once_however_many_processes_meet_it(tmp_path: Path) -> None:
    place = workplace(tmp_path / "place", "text_classification", batch_size=33)
    arguments = ("prepared", "manifest.json", "out")
    launcher = f"{sys.executable} -m torch.distributed.run --standalone --nproc_per_node=2"
    for given in ({"config": DDP}, {"config": None, "TEACHERSPEC_LAUNCHER": launcher}):
        done = run_door("finetune", place, *arguments, **given)  # type: ignore[arg-type]
        assert done.returncode == 1
        assert done.stderr.count("33 examples cannot be shared by 2 processes") == 1, done.stderr
        if given["config"]:
            assert done.stderr.count("\n") == 1, done.stderr
    assert not (place / "out").exists()


@pytest.mark.slow
def test_one_that_fails_ends_all(places: dict[str, Path]) -> None:
    began = time.monotonic()
    done = naive(places["text_classification"], "fail_on_one", "failed")
    assert done.returncode != 0
    assert "this process fails" in done.stderr
    assert "Connection closed" not in done.stderr, "only the cause speaks"
    assert time.monotonic() - began < 200, "nobody waits for the one that failed"


MACHINES = """\
for machine in 0 1; do
  {python} -m accelerate.commands.launch --config_file {config} --multi_gpu --num_machines 2 \\
    --num_processes 2 --machine_rank $machine --main_process_ip 127.0.0.1 --main_process_port {port} "$@" &
done
wait -n && wait -n
"""


@pytest.mark.slow
def test_two_launches_meet_as_two_machines_do(places: dict[str, Path], tmp_path: Path) -> None:
    """What `examples/accelerate/on-each-node.sh` does, with two machines that are the same one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = tmp_path / "machines.sh"
    script.write_text(MACHINES.format(python=sys.executable, config=DDP, port=port))
    place = places["causal_lm"]
    launcher = {"TEACHERSPEC_LAUNCHER": f"bash {script}", "ACCELERATE_USE_CPU": "true"}
    assert same(place / "one", finetune(place, "machines", None, **launcher))


ROAD = """\
stages:
  finetune:
    cmd: python -m stages.finetune prepared manifest.json out
    deps: [prepared, manifest.json]
    params: [task, base, finetune]
    outs: [out, artifacts/receipts/finetune.json, artifacts/receipts/finetune.sha256]
"""


@pytest.mark.slow
def test_one_receipt_is_written_and_says_how_many_computed(tmp_path: Path) -> None:
    place = workplace(tmp_path / "place", "causal_lm", epochs=1)
    (place / "dvc.yaml").write_text(ROAD)
    finetune(place, "out", DDP, DVC_STAGE="finetune")
    record = json.loads((place / "reports/finetune/run.json").read_text())
    assert record["hardware"]["processes"] == 2
    assert (place / "artifacts/receipts/finetune.json").is_file()


@pytest.mark.slow
def test_images_are_drawn_alike_in_any_number_of_processes(tmp_path: Path) -> None:
    augmentation = {"crop": {}, "flip": 0.5, "mix": {"kind": "mixup", "share": 0.5}, "recorded_views": 1}
    place = workplace(
        tmp_path / "place", "image_classification", augmentation=augmentation, batch_norm="frozen"
    )
    one, two = finetune(place, "one", None), finetune(place, "two", DDP)
    assert same(one, two)
    views = [pq.read_table(folder / "views.parquet").drop(["logits"]) for folder in (one, two)]
    assert views[0] == views[1]


def test_a_launcher_that_sets_no_rank_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(machine.LAUNCHER, f"{sys.executable} -m no_such_module")
    monkeypatch.setenv("TEACHERSPEC_LAUNCH", str(tmp_path))
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(UserError, match=r"without LOCAL_RANK"):
        launch("stages.evaluate")


def test_a_configuration_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("num_processes: [\n")
    monkeypatch.setenv(machine.ACCELERATE, str(broken))
    with pytest.raises(UserError, match="not a configuration of accelerate"):
        launch("stages.finetune")
    monkeypatch.setenv(machine.ACCELERATE, str(tmp_path / "absent.yaml"))
    with pytest.raises(UserError, match="is no file; allowed: a file that `accelerate config"):
        launch("stages.finetune")


@pytest.mark.parametrize("file", sorted(DDP.parent.glob("*.yaml")), ids=lambda file: file.name)
def test_the_examples_can_be_read(file: Path) -> None:
    text = file.read_text()
    if "compute_environment" in text:
        config = load_config_from_file(str(file))
        assert (config.num_processes, config.mixed_precision) in {(8, "no"), (2, "no")}
    else:
        assert "TEACHERSPEC_ACCELERATE=examples/accelerate/fsdp2.yaml" in text
        targets = set(re.findall(r"make ([a-z ]+)$", text, re.MULTILINE)[-1].split())
        made = set(re.findall(r"^([a-z-]+):", (ROOT / "pipeline.mk").read_text(), re.MULTILINE))
        assert targets <= made


@pytest.mark.parametrize("file", sorted(DDP.parent.glob("*.sh")), ids=lambda file: file.name)
def test_the_scripts_are_bash(file: Path) -> None:
    assert subprocess.run(["bash", "-n", str(file)]).returncode == 0
    assert os.access(file, os.X_OK)


def test_one_process_is_configured_by_none_and_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = tmp_path / "single.yaml"
    single.write_text(DDP.read_text().replace("num_processes: 2", "num_processes: 1"))
    for given in ("none", str(single)):
        monkeypatch.setenv(machine.ACCELERATE, given)
        assert not launch("stages.finetune")


def test_what_accelerate_config_left_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(machine.ACCELERATE, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert machine.accelerate_config() is None
    (tmp_path / "accelerate").mkdir()
    default = tmp_path / "accelerate/default_config.yaml"
    default.write_text(DDP.read_text())
    assert machine.accelerate_config() == default
