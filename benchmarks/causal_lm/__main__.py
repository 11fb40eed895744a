"""Learned tokens a processor second of training: ours, a script that pads to the limit, and TRL.

    python -m benchmarks.causal_lm ../shared/data/gen e2e --table fp32.md
    python -m benchmarks.causal_lm ../shared/data/gen e2e --table bf16.md --bf16
    python -m benchmarks.causal_lm ../shared/data/gen e2e --table real.md --base FILE.gguf --lora

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

from benchmarks.causal_lm.bases import Base, Drawn, Real
from benchmarks.causal_lm.programs import LIMIT, NAMES, PROGRAMS, Run
from benchmarks.causal_lm.rows import SETS, spread
from benchmarks.ratios import Ratio, machine_class, record, today
from teacherspec.model_files.gguf.convert import convert_once
from teacherspec.spec.finetune import Full, Lora
from teacherspec.text.packing import Example

SCRATCH = Path(".scratch/base")
"""Where converted bases are."""

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
    """Of matrix products of full fine-tuning, forward and twice backward.

    Args:
        net: the model.
        lengths: of the sequences that attention and backbone compute.
        asked: positions at which the head does.
    """
    backbone = sum(p.numel() for name, p in net.named_parameters() if p.ndim == 2 and "embed" not in name)
    head = net.config.vocab_size * net.config.hidden_size
    attention = sum(length**2 for length in lengths) * net.config.hidden_size * net.config.num_hidden_layers
    return 6.0 * (backbone * sum(lengths) + head * asked + attention)


def necessary(net: Any, rows: list[Example]) -> tuple[float, float]:
    """Operations that no program can do without, and those of rows padded to the limit."""
    lengths, learned = [len(one.input_ids) for one in rows], sum(sum(one.supervised) for one in rows)
    return operations(net, lengths, learned), operations(net, [LIMIT] * len(rows), LIMIT * len(rows))


def start(given: argparse.Namespace) -> Base:
    """Where every program starts."""
    if given.base is None:
        return Drawn(given.layers, given.folder)
    return Real(convert_once(given.base, SCRATCH) if given.base.is_file() else given.base)


def measure(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Speed, memory and losses of one program."""
    torch.set_num_threads(1)
    base = start(given)
    tokenizer = base.tokenizer()
    pairs = spread(given.folder, given.rows, given.steps * given.batch)
    rows = [base.example(tokenizer, given.rows, *pair) for pair in pairs]
    assert max(len(one.input_ids) for one in rows) <= LIMIT
    method = Lora(kind="lora", rank=16, alpha=32.0) if given.lora else Full()
    trainer = PROGRAMS[name](Run(base, method, rows, given.batch, given.bf16))
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


def ratios(found: dict[str, dict[str, Any]], given: argparse.Namespace) -> list[Ratio]:
    """Ours against each other program, in speed and in memory."""
    model = given.base.stem if given.base else "a 135 M Llama"
    how = "LoRA of" if given.lora else "training"
    what = f"{how} {model} on {given.rows.upper()}, {'bf16' if given.bf16 else 'fp32'}"
    command = f"python -m benchmarks.causal_lm {' '.join(sys.argv[1:])}"
    own, same = (
        found["ours"],
        {"command": command, "date": today(), "machine": machine_class(), "note": given.note},
    )
    others = {NAMES[name]: one for name, one in found.items() if name != "ours"}
    return [
        *(
            Ratio(
                what,
                peer,
                "supervised tokens a CPU second",
                round(own["tokens_per_s"] / one["tokens_per_s"], 2),
                **same,
            )
            for peer, one in others.items()
        ),
        *(
            Ratio(what, peer, "peak memory", round(one["peak_gib"] / own["peak_gib"], 2), **same)
            for peer, one in others.items()
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", choices=SETS)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--base", type=Path, help="model folder or GGUF file; else weights drawn anew")
    parser.add_argument("--lora", action="store_true", help="low-rank updates of rank 16; else all weights")
    parser.add_argument("--note", default="", help="what limits the figures")
    parser.add_argument("--table", type=Path, help="Markdown to write; the ratios are recorded too")
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
            record(Path(__file__).parent, ratios(found, given))


if __name__ == "__main__":
    main()
