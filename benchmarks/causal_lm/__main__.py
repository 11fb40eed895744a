"""Learned tokens a processor second of training: ours, a script that pads to the limit, and TRL.

    python -m benchmarks.causal_lm ../shared/data/gen e2e --table fp32.md
    python -m benchmarks.causal_lm ../shared/data/gen e2e --table bf16.md --bf16

Same base, same rows in the same order, same learned tokens, same optimizer. Each program runs in a process of
its own, so that peak memory is its own; the first step warms up and is not timed. Times are those of the
processor, on one thread: what else runs on the machine moves them little.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from benchmarks.causal_lm.programs import NAMES, PROGRAMS
from benchmarks.causal_lm.rows import LIMIT, SETS, VOCABULARY, examples
from teacherspec.text.packing import Example

HEADER = (
    "| program | learned tokens a CPU second | ours is | of the GEMM rate | peak memory | losses |\n"
    "|---|--:|--:|--:|--:|---|\n"
)


class Clock(TrainerCallback):
    """Times of the ends of steps, and losses."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.losses: list[float] = []

    def on_step_end(self, *_args: Any, **_options: Any) -> None:
        self.ends.append(time.process_time())

    def on_log(self, _args: Any, _state: Any, _control: Any, logs: Any = None, **_options: Any) -> None:
        if "loss" in logs:
            self.losses.append(float(logs["loss"]))


def gemm_rate(bf16: bool) -> float:
    """Operations a processor second of a large matrix product, the best of several."""
    dtype = torch.bfloat16 if bf16 else torch.float32
    left, right = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(12):
        began = time.process_time()
        left @ right
        best = min(best, time.process_time() - began)
    return 2 * 2048**3 / best


def operations(net: Any, lengths: list[int], asked: int) -> float:
    """Of matrix products, forward and twice backward.

    Args:
        net: the model.
        lengths: of the sequences that attention and backbone compute.
        asked: positions at which the head does.
    """
    backbone = sum(p.numel() for name, p in net.named_parameters() if p.ndim == 2 and "embed" not in name)
    head = VOCABULARY * net.config.hidden_size
    attention = sum(length**2 for length in lengths) * net.config.hidden_size * net.config.num_hidden_layers
    return 6.0 * (backbone * sum(lengths) + head * asked + attention)


def necessary(net: Any, rows: list[Example]) -> tuple[float, float]:
    """Operations that no program can do without, and those of rows padded to the limit."""
    lengths, learned = [len(one.input_ids) for one in rows], sum(sum(one.supervised) for one in rows)
    return operations(net, lengths, learned), operations(net, [LIMIT] * len(rows), LIMIT * len(rows))


def measure(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Speed, memory and losses of one program."""
    torch.set_num_threads(1)
    rows = examples(given.folder, given.rows, given.steps * given.batch)
    trainer = PROGRAMS[name](given.layers, rows, given.batch, given.bf16, given.folder)
    clock = Clock()
    trainer.add_callback(clock)
    trainer.train()
    timed, seconds = rows[given.batch :], clock.ends[-1] - clock.ends[0]
    useful, padded = necessary(trainer.model, timed)
    return {
        "tokens_per_s": sum(sum(one.supervised) for one in timed) / seconds,
        "gemm_share": useful / seconds / gemm_rate(given.bf16),
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20),
        "losses": clock.losses,
        "mean_length": sum(len(one.input_ids) for one in timed) / len(timed),
        "mean_learned": sum(sum(one.supervised) for one in timed) / len(timed),
        "padded_over_useful": padded / useful,
    }


def table(found: dict[str, dict[str, Any]]) -> str:
    """Markdown of all programs."""
    own = found["ours"]["tokens_per_s"]
    lines = []
    for name, one in found.items():
        losses = " ".join(f"{loss:.3f}" for loss in one["losses"])
        cells = (
            NAMES[name], f"{one['tokens_per_s']:.1f}", f"{own / one['tokens_per_s']:.2f}×",
            f"{one['gemm_share']:.0%}", f"{one['peak_gib']:.1f} GiB", losses,
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |\n")
    ours = found["ours"]
    rows = f"{ours['mean_length']:.0f} tokens a row, {ours['mean_learned']:.0f} of them learned"
    bound = f"padded to {LIMIT}, they cost {ours['padded_over_useful']:.2f} times the necessary operations"
    return f"{HEADER}{''.join(lines)}\n{rows}; {bound}.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", choices=SETS)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--only", choices=PROGRAMS)
    given = parser.parse_args()
    if given.only:
        print(json.dumps(measure(given.only, given)))
        return
    found = {}
    for name in given.programs:
        command = [sys.executable, "-m", "benchmarks.causal_lm", *sys.argv[1:], "--only", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{name}: {done.stderr[-2000:]}")
        found[name] = json.loads(done.stdout.strip().rpartition("\n")[2])
        print(name, json.dumps(found[name]), flush=True)
    if "ours" in found:
        text = table(found)
        print(text)
        if given.table:
            given.table.write_text(text)


if __name__ == "__main__":
    main()
