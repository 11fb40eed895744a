"""Run a module with FSDP2 on CPUs, which accelerate 1.15 allows on accelerators only.

`accelerate launch --config_file fsdp2-cpu.yaml -m tests.pipeline.processes.fsdp_on_cpu -m stages.finetune …`
"""

import runpy
import sys
from typing import Any

from accelerate.state import AcceleratorState, DistributedType, PartialState

from teacherspec.finetune.trainer import DeterministicTrainer
from teacherspec.runtime import machine

ORIGINAL = DeterministicTrainer.__init__


def init(self: DeterministicTrainer, **given: Any) -> None:
    """Make accelerate believe that the processes have accelerators before it decides on FSDP."""
    state = PartialState._shared_state
    on_cpu = state.get("distributed_type") == DistributedType.MULTI_CPU
    if machine.shards_model() and on_cpu and not AcceleratorState._shared_state:
        state["distributed_type"] = DistributedType.MULTI_XPU
    ORIGINAL(self, **given)


if __name__ == "__main__":
    DeterministicTrainer.__init__ = init  # type: ignore[method-assign]
    _, flag, module, *arguments = sys.argv
    assert flag == "-m", sys.argv
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
