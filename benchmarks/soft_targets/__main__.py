"""What stored soft targets cost and lose: `python -m benchmarks.soft_targets`.

Sizes are of the Parquet files that the package writes; losses are KL to the distribution they were taken
from. Needs about 2 GiB of memory. With `--model FOLDER` (a causal language model and its tokenizer) and
`--rows FILE` (JSONL of `prompt` and `completion`) the same is measured on a real model's answers. Results go
between the markers of the README.
"""

import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import torch

from benchmarks.page import fill
from benchmarks.soft_targets.exports import export_lines
from benchmarks.soft_targets.losses import DRAWS, draws_loss, losses, temperature_loss
from benchmarks.soft_targets.sources import LENGTH, Source, made, real
from benchmarks.soft_targets.timing import seconds, told
from teacherspec.package.generation.token_targets import StoredTokens
from teacherspec.runtime.atomic_io import sha256_file, write_parquet

README = Path(__file__).with_name("README.md")
KS = (8, 16, 32, 64, 128)
SAMPLE = 256
"""Positions on which losses are measured."""


def token_lines(source: Source, timed: bool) -> list[str]:
    first = [part for part, _ in zip(source.batches(), range(4), strict=False)]
    logits, labels = (torch.cat(column)[:SAMPLE] for column in zip(*first, strict=True))
    positions = sum(len(labels) for _, labels in source.batches())
    alone = min(seconds(lambda: [len(labels) for _, labels in source.batches()]) for _ in range(1 + timed))
    lines = [
        f"{positions:,} positions; µs of a forward pass alone: {told(1e6 * alone / positions, timed)}.",
        "",
        "| stored | bytes / position | tail mass | KL, tail even | KL, tail dropped | off at t = 2 | time |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    with tempfile.TemporaryDirectory() as place:
        kinds = [*(StoredTokens(k) for k in KS if k < source.vocabulary), StoredTokens(8, DRAWS)]
        for number, kept in enumerate(kinds):
            path = Path(place) / f"{number}.parquet"
            took = min(
                seconds(lambda path=path, kept=kept: source.write(path, kept)) for _ in range(1 + timed)
            )
            mass, even, away = losses(logits, labels, kept.k)
            off = temperature_loss(logits, labels, kept.k, 2.0)
            draws = f", {DRAWS} draws (KL of one position {draws_loss(logits):.2f})" if kept.draws else ""
            lines.append(
                f"| top {kept.k}{draws} | {path.stat().st_size / positions:.0f} | {mass:.4f} | {even:.4f} "
                f"| {away:.4f} | {off:.0e} | {told(took / alone, timed)} |"
            )
            click.echo(lines[-1])
    lines.append(f"| all {source.vocabulary:,} in float16 | {2 * source.vocabulary:,} | 0 | 0 | 0 | – | – |")
    return lines


def class_lines(rows: int) -> list[str]:
    lines = ["| classes | bytes / row, float32 logits |", "|---:|---:|"]
    draw = np.random.default_rng(0)
    for classes in (3, 20, 77, 1000):
        with tempfile.TemporaryDirectory() as place:
            flat = pa.array(draw.normal(scale=3, size=rows * classes).astype(np.float32))
            path = Path(place) / "logits.parquet"
            write_parquet(path, pa.table({"logits": pa.FixedSizeListArray.from_arrays(flat, classes)}))
            lines.append(f"| {classes} | {path.stat().st_size / rows:.0f} |")
        click.echo(lines[-1])
    return lines


@click.command()
@click.option("--sequences", default=64, show_default=True, help=f"Made sequences of {LENGTH} tokens.")
@click.option("--class-rows", default=100_000, show_default=True, help="Rows of class logits.")
@click.option("--model", type=click.Path(exists=True, path_type=Path), help="Folder of a language model.")
@click.option(
    "--rows",
    "files",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="JSONL: prompt and completion.",
)
@click.option("--real-rows", default=256, show_default=True, help="Rows of --rows that are used.")
@click.option("--timed/--untimed", default=True, help="Times mean something on a quiet machine only.")
@click.option("--write/--no-write", default=True, help="Whether the README gets the results.")
def main(
    sequences: int,
    class_rows: int,
    model: Path | None,
    files: tuple[Path, ...],
    real_rows: int,
    timed: bool,
    write: bool,
) -> None:
    """Measure and write the tables."""
    torch.manual_seed(0)
    tables = {
        "conditions": [
            f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()}",
            f"threads; torch {version('torch')}, pyarrow {version('pyarrow')}.",
        ],
        "made": token_lines(made(sequences), timed),
        "classes": class_lines(class_rows),
    }
    real_tables = []
    for file in files if model else ():
        source = real(model, file, real_rows)
        weights = sha256_file(model / "model.safetensors")[:12]
        name = f"`{file.parent.name}/{file.name}`"
        about = f"`{model.parent.name}` ({weights}…) on {len(source.rows)} answers of {name}: "
        first, *lines = token_lines(source, timed)
        real_tables += [*([""] if real_tables else []), about + first, *lines]
        tables |= {"real": real_tables, "exports": export_lines(source, class_rows, timed)}
    if write:
        for marker, lines in tables.items():
            fill(README, marker, lines)


if __name__ == "__main__":
    main()
