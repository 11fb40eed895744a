"""`teacherspec init [DIR]`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from teacherspec.init.kinds.names import KINDS
from teacherspec.runtime.entrypoint import PARAMS, report_user_errors
from teacherspec.runtime.terminal import print_lines

if TYPE_CHECKING:
    from teacherspec.init.start import Plan


@click.command("init")
@click.argument("folder", metavar="[DIR]", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option(
    "--data", type=click.Path(path_type=Path), help="File or folder of rows; copied unless inside DIR."
)
@click.option("--task", "kind", type=click.Choice(KINDS), help="Kind of task; by default by the columns.")
@click.option(
    "--column", "columns", multiple=True, metavar="NAME=COLUMN", help="Such as text=Body; repeatable."
)
@click.option("--name", help="Of the teacher; by default that of the folder.")
@click.option("--add", metavar="NAME", help="Add a teacher in teachers/NAME to the repository in DIR.")
@click.option("--data-license", default="unknown", show_default=True, help="Of the rows, SPDX.")
@click.option("--git/--no-git", default=True, show_default=True, help="Make it a git and DVC repository.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--upgrade", is_flag=True, help="Renew the library's files in DIR: shows the diff, asks.")
@click.option("--yes", is_flag=True, help="Change files that exist without asking.")
@report_user_errors()
def command(
    folder: Path,
    data: Path | None,
    kind: str | None,
    columns: tuple[str, ...],
    name: str | None,
    add: str | None,
    data_license: str,
    git: bool,
    dry_run: bool,
    upgrade: bool,
    yes: bool,
) -> None:
    """Start a repository for a teacher of your own rows in DIR (by default here).

    Looks at the rows (--data; copied unless they are inside DIR) and writes params.yaml, with the reason of
    every guess in a comment, and the pipeline around it. Nothing that exists is overwritten. `--upgrade`
    renews the pipeline for the installed version of teacherspec; params.yaml stays yours. `--add` writes one
    more teacher over the shared declaration, teachers/shared.yaml; lines that existing files get are shown
    before.

    Exit code 0: done; 1: the data cannot be read or something is in the way; 2: wrong usage.
    """
    if upgrade:
        _upgrade(folder, dry_run, yes)
        return
    if data is None:
        raise click.UsageError("--data is missing: the file or folder of your rows")
    if add is not None and name is not None:
        raise click.UsageError("--name and --add both name the teacher: give one")
    named = dict(_pairs(columns))
    from teacherspec.init.add import diff_of, plan_teacher
    from teacherspec.init.look import Wanted
    from teacherspec.init.start import carry_out, plan

    wanted = Wanted(folder, data, add or name or _name(folder), kind, named, data_license)
    planned = plan(wanted) if add is None else plan_teacher(wanted)
    print_lines(*_found(planned), *diff_of(planned).splitlines())
    if not dry_run and planned.changes and not (yes or click.confirm("Write these lines?")):
        return
    if dry_run:
        print_lines(f"Would write to {folder}: {', '.join(_written(planned))}")
        return
    done = carry_out(planned, git)
    print_lines("", f"Wrote to {folder}: {', '.join(_written(planned))}", *_next(planned, done))


def _pairs(columns: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for given in columns:
        own, sign, column = given.partition("=")
        if not (own and sign and column):
            raise click.BadParameter(
                f"{given!r}: write NAME=COLUMN, such as text=Body", param_hint="--column"
            )
        yield own, column


def _name(folder: Path) -> str:
    """The folder's name in the letters that a teacher's name may have."""
    return re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.casefold()).strip("-")[:64] or "teacher"


def _found(planned: "Plan") -> Iterator[str]:
    width = max(len(guess.key) for guess in planned.guesses)
    for guess in planned.guesses:
        yield f"{guess.key:<{width}}  {guess.value}" + (f"  ({guess.reason})" if guess.reason else "")
    if planned.warnings:
        yield ""
        yield from (f"look at: {warning}" for warning in planned.warnings)


def _written(planned: "Plan") -> list[str]:
    """The files, folders of the repository counted as one."""
    names = (*planned.files, *planned.changes, *map(str, planned.data.values()))
    return list(dict.fromkeys(f"{name.split('/')[0]}/" if "/" in name else name for name in names))


def _next(planned: "Plan", done: list[str]) -> Iterator[str]:
    from teacherspec.init.start import IN_GIT_BYTES
    from teacherspec.runtime.project_root import OWN

    own = planned.teacher / OWN
    declared = own if own.as_posix() in planned.files else planned.teacher / PARAMS
    if done:
        yield f"Ran {', '.join(done)}"
    yield ""
    yield "Next:"
    yield f"  cd {planned.root}" if planned.root != Path() else f"  # look at {declared.name}"
    yield f"  $EDITOR {declared}      # every guess is marked `found:`; correct what is wrong"
    if planned.data_bytes > IN_GIT_BYTES:
        yield f"  dvc add {planned.folder}   # {planned.data_bytes >> 20} MiB: keep the rows out of git"
    yield "  git add . && git commit -m 'Declare a teacher'"
    yield "  make teacher             # sets up .venv and runs the pipeline"


def _upgrade(folder: Path, dry_run: bool, yes: bool) -> None:
    from teacherspec.init.upgrade import apply_upgrade, upgrade

    files, diff = upgrade(folder)
    if not files:
        print_lines("Nothing to change: the files are those of the installed version")
        return
    print_lines(*diff.splitlines())
    if dry_run or not (yes or click.confirm(f"Write {len(files)} files ({', '.join(files)})?")):
        return
    apply_upgrade(folder, files)
    print_lines(f"Wrote {', '.join(files)}; `dvc status` shows the stages that the new version runs again")
