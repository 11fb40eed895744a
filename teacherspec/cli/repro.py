"""`teacherspec repro [DVC ARGUMENTS]`."""

from pathlib import Path

import click

from teacherspec.runtime.entrypoint import PARAMS, report_user_errors
from teacherspec.runtime.terminal import print_lines


@click.command("repro", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@report_user_errors()
def command(arguments: tuple[str, ...]) -> None:
    """Run `dvc repro` with ARGUMENTS so that a kill, a full disk or a second run breaks nothing.

    Before: the declaration is validated, `params.yaml` is written again where what it extends changed, data
    tracked within a folder of data is brought from the cache (with `--pull`, from the remote), and DVC's own
    files are repaired if an earlier run was killed while it wrote them. During: one run at a time; whatever
    ends this command also ends DVC and the stage. After: a truncated dvc.lock is restored.

    In the root of a repository whose teachers are all in teachers/, every one is built, one after the other;
    a failure of one does not stop the others.

    Exit code: that of `dvc repro`; 1: an invalid declaration, another library than `versions.yaml`
    states, or another run in progress; 130: Ctrl-C.
    """
    from teacherspec.run_records.teachers import for_each_teacher

    raise SystemExit(for_each_teacher(lambda: _repro(arguments)))


def _repro(arguments: tuple[str, ...]) -> int:
    """Build the teacher in the current folder; the exit code of `dvc repro`. Raises `UserError`."""
    from teacherspec.check.checked_before import check_once
    from teacherspec.run_records.library_versions import refuse_other_library
    from teacherspec.run_records.safe_repro import run_dvc_repro
    from teacherspec.run_records.tracked_files import bring_tracked_files
    from teacherspec.runtime.project_root import inherits
    from teacherspec.tracking.destinations import chosen_destinations

    if inherits(Path()):
        from teacherspec.run_records.written_params import write_params

        if write_params(Path()):
            print_lines(f"{PARAMS}: written again from what it extends")
    check_once(PARAMS)  # a missing key would make DVC remove what the last declaration built
    refuse_other_library()
    chosen_destinations()
    bring_tracked_files(Path(), pull="--pull" in arguments)
    return run_dvc_repro(Path(), arguments)
