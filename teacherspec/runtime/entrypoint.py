"""What every stage does around its work: validate the declaration, report errors, start processes, record."""

import errno
import io
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from teacherspec.errors import UserError
from teacherspec.runtime.escaping import printable, printable_lines
from teacherspec.runtime.process_lifetime import (
    die_with_launcher,
    die_with_parent,
    is_launched,
    print_once,
    stage_of_dvc,
    wait_for_launcher,
)

if TYPE_CHECKING:
    from teacherspec.spec.section import Section

PARAMS = Path("params.yaml")
"""The declaration, relative to the root of the repository, where DVC runs every stage."""

STORAGE_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
)
"""Errors of a disk that is full, read-only or broken: not a fault of the code, so without a traceback."""

LIBRARY_STORAGE_ERROR = re.compile(
    r"no space left|os error (?:28|122)\b|disk quota|inline_container\.cc|PytorchStreamWriter", re.IGNORECASE
)
"""How torch, safetensors and Arrow report such a disk, in errors of their own."""

LIBRARY_MEMORY_ERROR = re.compile(
    r"out of memory|not enough memory|cannot allocate memory|can't allocate memory|malloc of size",
    re.IGNORECASE,
)
"""How they report that memory ran out."""

KEPT = (
    "this run is not recorded; what dvc.lock records of earlier runs is in DVC's cache, and "
    "`dvc checkout` brings it back"
)

SHOWN_CHARACTERS = 160
"""Of the message of a library."""

PANIC = "PanicException"
"""What a panic of a library in Rust is raised as: no `Exception`, and of no class that can be imported."""

FAILED = 1
INTERRUPTED = 130

Sections = TypeVar("Sections", bound="Section")


def load_sections(model: type[Sections], file: Path = PARAMS) -> Sections:
    """The sections of `file` that are fields of `model`; a stage reads no others.

    A stage lists what it reads, and `dvc.yaml` declares the same names under `params`:

        class Sections(Section):
            task: Task
            finetune: Finetune

    The whole of `file` is validated before, so that the first stage refuses what would fail in a later one;
    the same bytes once, until the code of the validation changes.
    The validation is imported by name at run time: it knows the sections of all stages, but can only refuse a
    declaration and never change a result, so no stage depends on its code.

    Raises:
        DeclarationError: something in `file` is wrong, in these sections or any other.
    """
    from ruamel.yaml import YAML  # `teacherspec --help` reads no declaration

    import_module("teacherspec.check.checked_before").check_once(file)
    values = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8-sig"))
    projected = {name: values[name] for name in model.model_fields if name in values}
    return model.model_validate_json(json.dumps(projected))


@contextmanager
def report_user_errors() -> Iterator[None]:
    """Print a `UserError`, a full disk or too little memory without a traceback: exit code 1; on Ctrl-C 130.

    Used as a decorator below `@click.command()`; click itself reports wrong usage, with exit code 2. A
    terminal that is not UTF-8 gets `?` for what it cannot show: printing fails no stage.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        yield
    except UserError as error:
        print_once(printable_lines(error.problems))
        raise SystemExit(FAILED) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except Exception as error:
        problem = machine_problem(error)
        if problem is None:
            wait_for_launcher()
            raise
        print_once(printable(problem))
        raise SystemExit(FAILED) from None
    except BaseException as error:
        if type(error).__name__ != PANIC:
            raise
        reason = " ".join(str(error).split())[:SHOWN_CHARACTERS]
        print_once(
            f"a tokenizer gave up on one of these texts ({reason}): its file holds a pattern that does not "
            "end on it; take another base or teacher, or leave that text out"
        )
        raise SystemExit(FAILED) from None


def machine_problem(error: BaseException) -> str | None:
    """What to do about an error of disk or memory, whichever library raised it; None for other errors."""
    seen: BaseException | None = error
    while seen is not None:
        text = " ".join(str(seen).split())[:SHOWN_CHARACTERS]
        if isinstance(seen, OSError) and seen.errno in STORAGE_ERRORS:
            file = seen.filename or "a file being written"
            return f"{file}: {seen.strerror}; {KEPT}; free some space or allow writing, and run it again"
        if isinstance(seen, MemoryError) or getattr(seen, "errno", None) == errno.ENOMEM:
            return f"not enough memory; {KEPT}; use a smaller batch or a machine with more, and run it again"
        if LIBRARY_MEMORY_ERROR.search(text):
            return (
                f"not enough memory ({text}); {KEPT}; use a smaller batch or a machine with more, and run it "
                "again"
            )
        if LIBRARY_STORAGE_ERROR.search(text):
            return f"a file could not be written ({text}); {KEPT}; free some space, and run it again"
        seen = seen.__cause__ or seen.__context__
    return None


def launch_workers(module: str) -> bool:
    """Run the entrypoint `module` on as many processes as this machine is configured for.

    The launcher is imported by name at run time, so that no stage depends on its code: the number of
    processes changes a result within rounding only.

    Returns:
        Whether other processes did the work; if not, this one must do it.

    Raises:
        UserError: the configuration of accelerate is invalid.
    """
    started: bool = import_module("teacherspec.runtime.launcher").launch(module)
    return started


@contextmanager
def record_run() -> Iterator[None]:
    """Write a receipt of what DVC ran this stage for, and refuse a result whose inputs changed meanwhile.

    Used as a decorator below `report_user_errors`, or around the work of a stage that may restart before. A
    stage that is started by hand writes none, because its
    result is not in `dvc.lock`; of several processes, only their supervisor writes one. The code that writes
    receipts is imported by name at run time: it can refuse a result but never change it, so no stage depends
    on it.
    """
    if is_launched():
        die_with_launcher()
        yield
        import_module("teacherspec.run_records.hardware").share_hardware()
        return
    die_with_parent()
    stage = stage_of_dvc()
    if stage is None:
        yield
    else:
        with import_module("teacherspec.run_records.record_run").recording(stage):
            yield
