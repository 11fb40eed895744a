"""What every door does around its work: refuse a wrong declaration, speak of mistakes plainly."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from teacherspec.declaration.loading import PARAMS, load_sections
from teacherspec.errors import UserError
from teacherspec.section import Section

FAILED = 1
INTERRUPTED = 130

Sections = TypeVar("Sections", bound=Section)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn a `UserError` into its lines on stderr and exit code 1, Ctrl-C into exit code 130.

    Serves as a decorator under `@click.command()`; wrong usage stays click's, with exit code 2.
    """
    try:
        yield
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(FAILED) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def load_declared(model: type[Sections], file: Path = PARAMS) -> Sections:
    """The sections that a stage declares as the fields of `model`, once all of `file` is known to be right.

    Raises:
        DeclarationError: anything in `file` is wrong, in these sections or any other.
    """
    refuse_wrong_declaration(file)
    return load_sections(model, file)


def refuse_wrong_declaration(file: Path = PARAMS) -> None:
    """Check the whole of `file`, so that the first stage stops what a later one would stumble over.

    Imported by name at run time: the check knows the sections of every stage, but can only refuse,
    never alter a result, so no stage depends on its code.

    Raises:
        DeclarationError: a section, or how sections fit together, is wrong; holds every problem.
    """
    import_module("teacherspec.spec").check(file)
