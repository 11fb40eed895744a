"""A stage on as many processes as the machine is configured for: started together, ended together.

The declared command is `python -m stages.finetune …` on every machine. Where accelerate is configured for
more than one process, the stage's own process becomes their supervisor and computes nothing: it holds the
locks and writes the receipt, as it would alone.
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
from teacherspec.runtime.process_lifetime import SUPERVISOR, announce_launch, end_with, is_launched, say

SECONDS_TO_END = 10
"""How long the processes of a launch may take to end after Ctrl-C."""


def launch(module: str) -> bool:
    """Run `python -m module` with this program's arguments on all configured processes, and wait for them.

    Returns:
        False where this process shall do the work: no more than one is configured, or it is one of several.

    Raises:
        UserError: what is configured cannot be read, or does not start.
        SystemExit: a process failed; the others were ended.
    """
    if is_launched():
        return False
    work = ["-m", module, *sys.argv[1:]]
    if command := machine.launch_command():
        announce_launch()
        code = _by_command([*command, *work])
    else:
        file = machine.accelerate_config()
        config = None if file is None else _read(file)
        if config is None or max(config.num_processes, config.num_machines) == 1:
            return False
        (announce_launch() / SUPERVISOR).write_text(str(os.getpid()))
        code = _by_accelerate(str(file), config, work)
    if code:
        raise SystemExit(code)
    return True


def _read(file: Path) -> Any:
    """A configuration of accelerate. Raises `UserError`."""
    from accelerate.commands.config.config_args import load_config_from_file

    try:
        config = load_config_from_file(str(file))
        config.num_processes, config.num_machines = int(config.num_processes), int(config.num_machines or 1)
    except Exception as error:
        raise UserError(
            f"{file}: no configuration of accelerate: {error}; write one with `accelerate config "
            f"--config_file {file}`, or set {machine.ACCELERATE}=none for one process"
        ) from None
    return config


def _by_accelerate(file: str, config: Any, work: list[str]) -> int:
    """What `accelerate launch` does, in this process; exit code of the first process that failed."""
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    # Its summary of a failure is a traceback of its own; the process that failed has said why.
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    # accelerate 1.15 leaves starting processes without accelerators to MPI; torch's launcher can, too.
    flags = ["--multi_gpu"] if config.distributed_type == "MULTI_CPU" else []
    arguments = launch_command_parser().parse_args(["--config_file", file, *flags, *work])
    if config.num_machines == 1:
        arguments.standalone = True  # they meet at any free port, where no other launch does
    if config.use_cpu:
        machine.hide_accelerators()
    try:
        launch_command(arguments)
    except ChildFailedError as failed:
        rank, failure = failed.get_first_failure()
        if failure.exitcode < 0:  # it had no time to say why
            say(
                f"process {rank} of {config.num_processes} was ended by {failure.signal_name()}; if memory "
                f"ran out, set {machine.MICRO_BATCH} lower, or share the model among more processes"
            )
        return _code(failure.exitcode)
    except SignalException as ended:
        return 128 + int(ended.sigval)
    return 0


def _by_command(work: list[str]) -> int:
    """Run a launcher of the user's own, which ends with this process; its exit code. Raises `UserError`."""
    guard = os.getpid()
    try:
        # The child calls but prctl: safe between fork and exec.
        child = subprocess.Popen(work, preexec_fn=lambda: end_with(guard, same_session=False))  # noqa: PLW1509
    except OSError as error:
        raise UserError(f"{machine.LAUNCHER}: `{work[0]}` does not start: {error.strerror}") from None
    before = signal.signal(signal.SIGTERM, lambda number, _frame: child.send_signal(number))
    try:
        return _code(child.wait())
    except KeyboardInterrupt:  # a terminal has told the child, too
        child.wait(SECONDS_TO_END)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _code(exit_code: int) -> int:
    """As a shell gives it: signal n, which is `-n`, as `128 + n`."""
    return exit_code if exit_code >= 0 else 128 - exit_code
