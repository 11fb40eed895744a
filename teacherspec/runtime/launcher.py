"""A stage on as many processes as the machine is configured for, which start and end together.

The command that DVC runs is `python -m stages.finetune …` on every machine. Where accelerate is configured
for more than one process, the process of the stage becomes their supervisor and computes nothing: it holds
the locks and writes the receipt, as it does for a single process.
"""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.runtime import machine
from teacherspec.runtime.process_lifetime import (
    SUPERVISOR,
    create_launch_folder,
    die_with,
    is_launched,
    launch_folder,
    print_once,
)

SECONDS_TO_END = 10
"""How long the processes of a launch may take to end after Ctrl-C."""


def launch(module: str) -> bool:
    """Run `python -m module` with this program's arguments on all configured processes, and wait for them.

    Returns:
        False where this process must do the work: only one is configured, or it is one of several.

    Raises:
        UserError: the configuration cannot be read, the launcher does not start, or it started this process
            without a rank.
        SystemExit: a process failed; the others have been ended.
    """
    if is_launched():
        return False
    if launch_folder() is not None:  # or each process would launch others without end
        raise UserError(
            f"{machine.LAUNCHER}: the command started a process without LOCAL_RANK, which cannot tell its "
            "share; use a launcher that sets RANK, WORLD_SIZE and LOCAL_RANK, such as torchrun"
        )
    work = ["-m", module, *sys.argv[1:]]
    if command := machine.launch_command():
        create_launch_folder()
        code = _run_command([*command, *work])
    else:
        file = machine.accelerate_config()
        config = None if file is None else _load_config(file)
        if config is None or max(config.num_processes, config.num_machines) == 1:
            return False
        (create_launch_folder() / SUPERVISOR).write_text(str(os.getpid()))
        code = _run_accelerate(str(file), config, work)
    if code:
        raise SystemExit(code)
    return True


def _load_config(file: Path) -> Any:
    """The configuration of accelerate in `file`. Raises `UserError`."""
    from accelerate.commands.config.config_args import load_config_from_file

    try:
        config = load_config_from_file(str(file))
        config.num_processes, config.num_machines = int(config.num_processes), int(config.num_machines or 1)
    except Exception as error:
        raise UserError(
            f"{file}: not a configuration of accelerate: {error}; write one with `accelerate config "
            f"--config_file {file}`, or set {machine.ACCELERATE}=none for one process"
        ) from None
    return config


def _run_accelerate(file: str, config: Any, work: list[str]) -> int:
    """Run `accelerate launch` in this process; exit code of the first process that failed, or 0."""
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    # Its summary of a failure is a traceback; the process that failed has reported the reason.
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    # accelerate 1.15 starts processes without accelerators by MPI only; this flag selects torch's launcher.
    flags = ["--multi_gpu"] if config.distributed_type == "MULTI_CPU" else []
    arguments = launch_command_parser().parse_args(["--config_file", file, *flags, *work])
    if config.num_machines == 1:
        arguments.standalone = True  # they connect at any free port, so that launches do not collide
    if config.use_cpu:
        machine.hide_accelerators()
    try:
        launch_command(arguments)
    except ChildFailedError as failed:
        rank, failure = failed.get_first_failure()
        if failure.exitcode < 0:  # ended by a signal, it could not report why
            print_once(
                f"process {rank} of {config.num_processes} was ended by {failure.signal_name()}; if memory "
                f"ran out, set {machine.MICRO_BATCH} lower, or shard the model over more processes"
            )
        return _code(failure.exitcode)
    except SignalException as ended:
        return 128 + int(ended.sigval)
    return 0


def _run_command(work: list[str]) -> int:
    """Run the user's own launcher, which is killed with this process; its exit code. Raises `UserError`."""
    parent = os.getpid()
    try:
        # The child calls only prctl, which is safe between fork and exec.
        child = subprocess.Popen(work, preexec_fn=lambda: die_with(parent, same_session=False))  # noqa: PLW1509
    except OSError as error:
        raise UserError(f"{machine.LAUNCHER}: `{work[0]}` does not start: {error.strerror}") from None
    before = signal.signal(signal.SIGTERM, lambda number, _frame: child.send_signal(number))
    try:
        return _code(child.wait())
    except KeyboardInterrupt:  # a terminal sends the signal to the child, too
        child.wait(SECONDS_TO_END)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _code(exit_code: int) -> int:
    """The exit code as a shell reports it: `128 + n` for signal n, which subprocess reports as `-n`."""
    return exit_code if exit_code >= 0 else 128 - exit_code
