"""What every door does around its work: refuse a wrong declaration, speak of mistakes plainly."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from ruamel.yaml import YAML

from teacherspec.errors import UserError
from teacherspec.runtime.process_lifetime import (
    await_end,
    die_with_launcher,
    die_with_parent,
    is_launched,
    say,
    stage_of_dvc,
)
from teacherspec.spec.section import Section

PARAMS = Path("params.yaml")
"""The declaration, seen from the root of the repository, where DVC runs every stage."""

STORAGE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
)
"""What a disk that is full, read-only or broken answers: no fault of the code, so no traceback."""

FAILED = 1
INTERRUPTED = 130

Sections = TypeVar("Sections", bound=Section)


def load_sections(model: type[Sections], file: Path = PARAMS) -> Sections:
    """The sections of `file` that are fields of `model`; a stage sees no others.

    A stage lists what it reads, and `dvc.yaml` declares the same names under `params`:

        class Sections(Section):
            task: Task
            finetune: Finetune

    Before that the whole of `file` is checked, so that the first stage stops what a later one would
    stumble over. The check is imported by name at run time: it knows the sections of every stage and
    explains mistakes, but it can only refuse, never alter a result, so no stage depends on its code.

    Raises:
        DeclarationError: anything in `file` is wrong, in these sections or any other.
    """
    import_module("teacherspec.check.run").check(file)
    values = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8-sig"))
    projected = {name: values[name] for name in model.model_fields if name in values}
    return model.model_validate_json(json.dumps(projected))


@contextmanager
def report_user_errors() -> Iterator[None]:
    """Turn a `UserError`, or what a full disk says, into lines on stderr and exit code 1; Ctrl-C into 130.

    Serves as a decorator under `@click.command()`; wrong usage stays click's, with exit code 2.
    """
    try:
        yield
    except UserError as error:
        say(str(error))
        raise SystemExit(FAILED) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except OSError as error:
        if error.errno not in STORAGE:
            await_end()
            raise
        say(
            f"{error.filename or 'a file being written'}: {error.strerror}; nothing of this run is recorded "
            "and nothing older is lost; make room or give the right to write, and run it again"
        )
        raise SystemExit(FAILED) from None
    except Exception:
        await_end()
        raise


def launch_workers(module: str) -> bool:
    """Run the door `module` on as many processes as this machine is configured for; whether that was done.

    What starts them is imported by name at run time, so that no stage depends on its code: how many
    processes compute a stage changes its result within rounding only.

    Raises:
        UserError: the configuration is none.
    """
    started: bool = import_module("teacherspec.runtime.launcher").launch(module)
    return started


@contextmanager
def record_run() -> Iterator[None]:
    """Leave a receipt of what DVC runs this door for, and refuse a result whose inputs changed meanwhile.

    Serves as a decorator under `report_user_errors`. A door that a person starts by hand leaves none: its
    result is not what `dvc.lock` speaks of; and of several processes that one door started, it alone leaves
    one. What writes receipts is imported by name at run time: it
    watches and can refuse, never alter a result, so no stage depends on its code.
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
