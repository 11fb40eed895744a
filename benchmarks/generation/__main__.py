"""What answers cost: `python -m benchmarks.generation`, against a plain loop over `model.generate`."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, LogitsProcessorList, set_seed

from benchmarks.page import fill
from benchmarks.ratios import Ratio, machine_class, record, today
from teacherspec.tasks.shared.hf_loading import quiet_libraries
from teacherspec.text.decoding import Decoding, RowNoise, generate

README = Path(__file__).with_name("README.md")
VOCABULARY, MEAN_LENGTH, LONGEST = 4096, 32, 160
STOPS = list(range(2, VOCABULARY, MEAN_LENGTH))
PAD = 0
SAME = 0.95
"""Share of answers that must be equal: the rest may differ after a token that rounding decides."""

Answers = list[tuple[int, ...]]


@click.command()
@click.option("--prompts", default=64, show_default=True)
@click.option("--batch-size", default=32, show_default=True)
@click.option("--turns", default=2, show_default=True, help="Times that both answer all prompts, in turn.")
@click.option("--note", default="", help="What limits the figures.")
def main(prompts: int, batch_size: int, turns: int, note: str) -> None:
    """Compare `generate` with a plain loop and write the table of the README."""
    quiet_libraries()
    set_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=8,
        num_attention_heads=8,
        max_position_embeddings=512,
    )
    model = LlamaForCausalLM(config).eval()
    draw = np.random.default_rng(0)
    lengths = np.clip(draw.lognormal(np.log(40), 0.7, prompts), 5, 200).astype(int)
    given = [draw.integers(1, VOCABULARY, length).tolist() for length in lengths]
    ways = {"loop": lambda: plain(model, given, batch_size), "ours": lambda: ours(model, given, batch_size)}
    found: dict[str, Answers] = {}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, work in ways.items():
            found[name], seconds = timed(work)
            took[name].append(seconds)
    equal = float(np.mean([one == other for one, other in zip(*found.values(), strict=True)]))
    assert equal >= SAME, f"only {equal:.0%} of the answers are equal"
    loop, own = (float(np.median(took[name])) for name in ways)
    cells = (f"{equal:.0%}", f"{loop:.1f}", f"{own:.1f}", f"{loop / own:.2f}")
    mean = float(np.mean([len(one) for one in found["ours"]]))
    size = model.num_parameters()
    lines = [
        f"Llama of {size / 1e6:.0f} M parameters, float32, {today()}{note and f'; {note}'}.",
        "",
        "| prompts | batch | tokens an answer | equal answers | loop, CPU s | ours, CPU s | ratio |",
        "|--:|--:|--:|--:|--:|--:|--:|",
        f"| {prompts} | {batch_size} | {mean:.0f} | {' | '.join(cells)} |",
    ]
    click.echo("\n".join(lines))
    fill(README, "table", lines)
    compared = Ratio(
        what=f"{prompts} answers of geometric length, batches of {batch_size}, float32",
        peer="a loop over `model.generate`, prompts as they come",
        measure="CPU seconds",
        ratio=round(loop / own, 2),
        command="python -m benchmarks.generation",
        date=today(),
        machine=machine_class(),
        note=note,
    )
    record(README.parent, [compared])


def ours(model: Any, prompts: Sequence[Sequence[int]], batch_size: int) -> Answers:
    """Answers of this project."""
    names = list(map(str, range(len(prompts))))
    decoding = Decoding(LONGEST, temperature=1.0)
    found = generate(model, prompts, names, decoding, stop_ids=STOPS, pad_id=PAD, batch_size=batch_size)
    return [one.ids for one in found]


def plain(model: Any, prompts: Sequence[Sequence[int]], batch_size: int) -> Answers:
    """Answers of a loop over batches as they come."""
    found = []
    for start in range(0, len(prompts), batch_size):
        some = prompts[start : start + batch_size]
        width = max(map(len, some))
        noise = RowNoise([str(start + at) for at in range(len(some))], 0, width)
        with torch.inference_mode():
            out = model.generate(
                input_ids=torch.tensor([[PAD] * (width - len(one)) + list(one) for one in some]),
                attention_mask=torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in some]),
                generation_config=GenerationConfig(
                    max_new_tokens=LONGEST, do_sample=False, eos_token_id=STOPS, pad_token_id=PAD
                ),
                logits_processor=LogitsProcessorList([noise]),
            )
        for row in out[:, width:].tolist():
            ends = next((at for at, token in enumerate(row) if token in STOPS), len(row))
            found.append(tuple(row[:ends]))
    return found


def timed(work: Callable[[], Answers]) -> tuple[Answers, float]:
    """What `work` gives, and its CPU seconds."""
    before = time.process_time()
    found = work()
    return found, time.process_time() - before


main()
