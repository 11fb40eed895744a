"""Where predictions wait until all are there, so that a kill costs one shard of some thousand rows."""

import shutil
from importlib.metadata import version
from pathlib import Path

from teacherspec.evaluate.context import EvaluationContext
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.atomic_io import sha256_file
from teacherspec.runtime.resume_key import loaded_code, run_key

SCRATCH = Path(".scratch/evaluate")
"""One folder for each set of inputs; of several processes, all see it."""

LIBRARIES = ("datasets", "tokenizers", "torch", "transformers")


def shards_folder(context: EvaluationContext) -> Path:
    """The folder of this evaluation, named by all that determines what the teacher predicts."""
    return SCRATCH / distributed.broadcast(_key(context) if distributed.is_main_process() else "")


def remove_shards() -> None:
    """Forget what an evaluation left, whichever it was: this one is complete."""
    shutil.rmtree(SCRATCH, ignore_errors=True)


def _key(context: EvaluationContext) -> str:
    model = context.paths.finetuned / "model"
    files = sorted(path for path in model.rglob("*") if path.is_file())
    return run_key(
        {
            "task": context.task.model_dump(mode="json"),
            "section": context.section.model_dump(mode="json", include={"batch_size", "embeddings", "seed"}),
            "model": {path.relative_to(model).as_posix(): sha256_file(path) for path in files},
            "splits": {name: split.sha256 for name, split in context.data.splits.items()},
            "machine": machine.describe(),
            "code": loaded_code(),
            "libraries": {name: version(name) for name in LIBRARIES},
        }
    )
