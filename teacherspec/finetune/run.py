"""The stage `finetune`: find the run this training belongs to, and finish it."""

import shutil
from contextlib import nullcontext
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from teacherspec.finetune.cross_fit import cross_fit
from teacherspec.finetune.qlora import library_version
from teacherspec.finetune.train import finetune
from teacherspec.model_files.manifest import open_base
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.atomic_io import read_json, sha256_file
from teacherspec.runtime.process_lifetime import alone
from teacherspec.runtime.resume_key import loaded_code, run_key
from teacherspec.spec.base import Base
from teacherspec.spec.finetune import Finetune, Lora
from teacherspec.splits import INDEX_NAME, load_prepared
from teacherspec.tasks.interfaces.kind import Kind
from teacherspec.tasks.interfaces.model import model_init

SCRATCH = Path(".scratch/finetune")
LIBRARIES = ("accelerate", "numpy", "peft", "tokenizers", "torch", "transformers")


def run_finetune(
    task: Kind,
    base: Base,
    section: Finetune,
    prepared: Path,
    manifest: Path,
    output: Path,
    scratch: Path = SCRATCH,
) -> None:
    """Fine-tune from the verified base, resuming a killed run of exactly this training.

    Args:
        task: the declared task.
        base: `params.yaml: base`.
        section: `params.yaml: finetune`.
        prepared: folder that `prepare` left.
        manifest: the base's manifest, whose hashes every file must have.
        output: folder to create.
        scratch: parent of the runs' checkpoint folders.

    Raises:
        UserError: data, base, declaration and machine do not fit together.
    """
    distributed.init()
    start = model_init(base, section.dropout)
    determinants = {
        "task": task.model_dump(mode="json"),
        "finetune": section.model_dump(mode="json"),
        "data": sha256_file(prepared / INDEX_NAME),
        "base": read_json(manifest),
        "start": asdict(start),
        "code": loaded_code(),
        "libraries": libraries(section),
        "layout": machine.launch_variables(),
    }
    folder = distributed.broadcast(open_base(base, manifest) if distributed.is_main_process() else Path())
    run = scratch / distributed.broadcast(run_key(determinants))
    data = load_prepared(prepared)
    with (
        alone(run.with_suffix(".lock"), f"finetune in {run}")
        if distributed.is_main_process()
        else nullcontext()
    ):
        folds = run.with_name(f"{run.name}-folds")
        beside = (cross_fit(task, section, folder, data, folds, start),) if section.cross_fit else ()
        finetune(task, section, folder, data, run, output, start, beside)
        if distributed.is_main_process():
            shutil.rmtree(folds, ignore_errors=True)
    distributed.shutdown()


def libraries(section: Finetune) -> dict[str, str | None]:
    """Versions of what computes the training; a run that another version began is not gone on with."""
    found: dict[str, str | None] = {name: version(name) for name in LIBRARIES}
    if isinstance(section.method, Lora) and section.method.quantize is not None:
        found["bitsandbytes"] = library_version()
    return found
