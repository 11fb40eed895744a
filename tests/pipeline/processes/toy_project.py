"""Folders in which the real doors `finetune` and `evaluate` run on toys, in one process or in several."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from teacherspec.runtime.atomic_io import encode_json, sha256_file, write_json
from teacherspec.spec.base import Base
from tests.pipeline.causal_lm.toys import lm_base, lm_prepared
from tests.toys.image import toy_image_base, toy_image_prepared
from tests.toys.text import toy_base, toy_prepared

ROOT = Path(__file__).parents[3]
ODD_TRAIN, ODD_OTHER = 69, 33
"""Rows that no number of processes shares out evenly: the last step has 5 of 32, the last batch one of 16."""

TASKS: dict[str, dict[str, Any]] = {
    "text_classification": {"kind": "text_classification", "max_length": 16},
    "causal_lm": {"kind": "causal_lm", "rendering": {"kind": "chat"}, "max_length": 64},
    "image_classification": {"kind": "image_classification"},
}
BASES: dict[str, Callable[[Path], Path]] = {
    "text_classification": toy_base,
    "causal_lm": lm_base,
    "image_classification": toy_image_base,
}
PREPARED: dict[str, Callable[..., Any]] = {
    "text_classification": toy_prepared,
    "causal_lm": lm_prepared,
    "image_classification": toy_image_prepared,
}
REST = """
prepare:
  seed: 1
  sources: [{kind: jsonl, path: data/rows.jsonl}]
  fractions: {train: 0.6, validation: 0.1, calibration: 0.15, test: 0.15}
  data: data
calibrate: {}
probe: {}
package:
  name: toy
  description: A toy.
  intended_use: Tests.
  data_license: cc0-1.0
"""
EXAMPLES = ROOT / "examples/accelerate"
DDP, FSDP2 = EXAMPLES / "ddp-cpu.yaml", EXAMPLES / "fsdp2-cpu.yaml"


def workplace(folder: Path, kind: str, evaluate: Mapping[str, Any] | None = None, **finetune: Any) -> Path:
    """A repository's worth of what the two doors read."""
    folder.mkdir(parents=True)
    BASES[kind](folder / "base")
    PREPARED[kind](folder / "prepared", train=ODD_TRAIN, other=ODD_OTHER)
    source = {"kind": "path", "folder": "base"}
    base = Base.model_validate({"source": source, "license": "mit"})
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
        for path in (folder / "base").iterdir()
    }
    write_json(folder / "manifest.json", {**base.model_dump(exclude={"sha256"}), "files": files})
    declared = {
        "task": TASKS[kind],
        "base": {"source": source, "license": "mit"},
        "finetune": {"epochs": 3, "batch_size": 32, "learning_rate": 5e-3, "dropout": 0.0, **finetune},
        "evaluate": {"batch_size": 16, "resamples": 100, "latency_examples": 10, **(evaluate or {})},
    }
    sections = "".join(f"{name}: {encode_json(section)}" for name, section in declared.items())
    (folder / "params.yaml").write_text(sections + REST)
    return folder


def environment(config: Path | None, **variables: str) -> dict[str, str]:
    """The environment of a stage in as many processes as `config` says; FSDP2 needs help on a CPU."""
    inherited = {name: value for name, value in os.environ.items() if name not in {"DVC_STAGE", "DVC_ROOT"}}
    chosen = {"TEACHERSPEC_ACCELERATE": "none" if config is None else str(config)}
    if config == FSDP2:
        launch = f"{sys.executable} -m accelerate.commands.launch --config_file {FSDP2} --main_process_port 0"
        chosen["TEACHERSPEC_LAUNCHER"] = f"{launch} -m tests.pipeline.processes.fsdp_on_cpu"
        chosen["ACCELERATE_USE_CPU"] = "true"
    return {**inherited, "PYTHONPATH": str(ROOT), **chosen, **variables}


def door(stage: str, folder: Path, *arguments: str, config: Path | None, **variables: str) -> str:
    """Run a door as DVC would; what it wrote to stderr."""
    done = run_door(stage, folder, *arguments, config=config, **variables)
    assert done.returncode == 0, done.stderr
    return done.stderr


def run_door(
    stage: str, folder: Path, *arguments: str, config: Path | None, **variables: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", *arguments],
        cwd=folder,
        env=environment(config, **variables),
        capture_output=True,
        text=True,
        timeout=300,
    )


def finetune(folder: Path, output: str, config: Path | None, **variables: str) -> Path:
    """Fine-tune; the folder it left."""
    door("finetune", folder, "prepared", "manifest.json", output, config=config, **variables)
    return folder / output


def evaluate(folder: Path, model: str, output: str, config: Path | None, **variables: str) -> Path:
    """Evaluate; the folder of predictions."""
    paths = ("prepared", model, "manifest.json", output, f"{output}-reports", f"{output}-time.json")
    door("evaluate", folder, *paths, config=config, **variables)
    return folder / output


def difference(first: Path, second: Path) -> float:
    """How far apart the weights of two fine-tuned models are, relative to their size."""
    parts = [load_file(folder / "model/model.safetensors") for folder in (first, second)]
    assert parts[0].keys() == parts[1].keys()
    a, b = (np.concatenate([part[name].numpy().ravel() for name in sorted(part)]) for part in parts)
    return float(np.linalg.norm(a - b) / np.linalg.norm(a))


def losses(folder: Path) -> np.ndarray:
    """The logged training losses."""
    return np.loadtxt(folder / "log/steps.tsv", skiprows=1)[:, 2]


def validation_losses(folder: Path) -> np.ndarray:
    """The measured validation losses."""
    return np.genfromtxt(folder / "log/evaluations.tsv", names=True)["nll"]
