"""The stage `finetune`: identify the training, resume it where it was killed, and finish it."""

import shutil
from contextlib import nullcontext
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from teacherspec.finetune.cross_fit import cross_fit, fold_models
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.mean_model import write_mean
from teacherspec.finetune.qlora import library_version
from teacherspec.finetune.seeds import finetune_seeds, write_teacher
from teacherspec.finetune.train import finetune
from teacherspec.model_files.manifest import open_base, pinned_base
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.atomic_io import read_json, sha256_file
from teacherspec.runtime.file_lock import exclusive_lock
from teacherspec.runtime.resume_key import loaded_code, run_key
from teacherspec.spec.finetune import Finetune, Lora
from teacherspec.splits import INDEX_NAME, load_prepared
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import model_init

SCRATCH = Path(".scratch/finetune")
LIBRARIES = ("accelerate", "numpy", "peft", "tokenizers", "torch", "transformers")


def run_finetune(
    task: Kind,
    section: Finetune,
    prepared: Path,
    manifest: Path,
    output: Path,
    scratch: Path = SCRATCH,
) -> None:
    """Fine-tune from the verified base, resuming a killed run of exactly this training.

    Args:
        task: the declared task.
        section: `params.yaml: finetune`.
        prepared: folder that `prepare` wrote.
        manifest: names the base; every file is compared with its hashes.
        output: folder to create.
        scratch: parent of the runs' checkpoint folders.

    Raises:
        UserError: data, base, declaration and machine do not fit together.
    """
    distributed.init()
    init = model_init(pinned_base(manifest), section.dropout)
    key = run_key(
        {
            "task": task.model_dump(mode="json"),
            "finetune": section.model_dump(mode="json"),
            "data": sha256_file(prepared / INDEX_NAME),
            "base": read_json(manifest),
            "start": asdict(init),
            "code": loaded_code(),
            "libraries": library_versions(section),
            "layout": machine.launch_variables(),
        }
    )
    is_main = distributed.is_main_process()
    folder = distributed.broadcast(open_base(manifest) if is_main else Path())
    run = scratch / distributed.broadcast(key)
    training = Training(task, section, folder, load_prepared(prepared), init)
    with exclusive_lock(run.with_suffix(".lock"), f"finetune in {run}") if is_main else nullcontext():
        folds = run.with_name(f"{run.name}-folds")
        seeds = run.with_name(f"{run.name}-seeds")
        extra_files = cross_fit(training, folds) if section.cross_fit else ()
        if section.teacher == "mean_of_folds":
            write_mean(training, fold_models(training, folds), run, output, extra_files)
        elif section.seeds is None:
            finetune(training, run, output, extra_files)
        else:
            write_teacher(training, finetune_seeds(training, section.seeds, seeds), run, output, extra_files)
        if is_main:
            for folder in (folds, seeds):
                shutil.rmtree(folder, ignore_errors=True)
    distributed.shutdown()


def library_versions(section: Finetune) -> dict[str, str | None]:
    """Versions of the libraries that compute the training; another version does not resume an older run."""
    found: dict[str, str | None] = {name: version(name) for name in LIBRARIES}
    if isinstance(section.method, Lora) and section.method.quantize is not None:
        found["bitsandbytes"] = library_version()
    return found
