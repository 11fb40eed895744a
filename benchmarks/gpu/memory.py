"""The memory of a training step as `teacherspec plan-memory` counts it, and as the accelerator reports it."""

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from benchmarks.gpu.device import peak_gib
from benchmarks.gpu.shapes import Sizes, model
from teacherspec.memory_plan.step_memory import Step, step_memory
from teacherspec.spec.finetune import Full

EXAMPLES = 2
GIBIBYTE = float(1 << 30)


def train_step(sizes: Sizes, step: Step) -> None:
    """Two optimizer steps: the first creates the states of AdamW, the second is like all later ones."""
    net = model(sizes).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)
    ids = torch.zeros((step.examples, step.length), dtype=torch.long, device=sizes.device)
    for _ in range(2):
        with torch.autocast(sizes.device, torch.bfloat16):
            logits = net(input_ids=ids, logits_to_keep=step.supervised, use_cache=False).logits
        logits = logits.float().flatten(0, -2)
        labels = torch.zeros(len(logits), dtype=torch.long, device=sizes.device)
        cross_entropy(logits, labels).backward()
        optimizer.step()
        optimizer.zero_grad()


def measure(sizes: Sizes) -> dict[str, Any]:
    """GiB counted and measured; None is measured where there is no accelerator."""
    step = Step(EXAMPLES, sizes.longest, supervised=sizes.longest // 2, bf16=True)
    counted = step_memory(sizes.config, "AutoModelForCausalLM", Full(), step).peak / GIBIBYTE
    train_step(sizes, step)
    return {"counted_gib": counted, "measured_gib": peak_gib(sizes)}
