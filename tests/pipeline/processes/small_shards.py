"""Run a module with shards of 16 rows, and die when some of them are computed, where `DIE_AFTER` is set.

`… -m tests.pipeline.processes.small_shards -m stages.evaluate …`
"""

import itertools
import os
import runpy
import signal
import sys
from typing import Any

from teacherspec.inference import row_outputs
from teacherspec.runtime import machine

ROWS = 16
COMPUTED = row_outputs._shard_outputs
started = itertools.count()


def shard_outputs(*given: Any) -> Any:
    """The same, unless it is time to die."""
    if str(next(started)) == os.environ.get("DIE_AFTER") and machine.rank() == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return COMPUTED(*given)


if __name__ == "__main__":
    row_outputs.ROWS_PER_SHARD = ROWS
    row_outputs._shard_outputs = shard_outputs
    _, flag, module, *arguments = sys.argv
    assert flag == "-m", sys.argv
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
