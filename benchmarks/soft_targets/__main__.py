"""What stored soft targets cost and lose: `python -m benchmarks.soft_targets`.

Sizes are of the Parquet files that the package writes; losses are KL to the distribution they were taken
from. Needs about 2 GiB of memory. With `--model FOLDER` (a causal language model and its tokenizer) and
`--rows FILE` (JSONL of `prompt` and `completion`) the same is measured on a real model's answers. Results go
between the markers of the README.
"""

import json
import math
import platform
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import torch
from datasets import Dataset

from teacherspec.export.formats import export
from teacherspec.files import sha256_file, write_json, write_parquet, write_parquet_parts
from teacherspec.package.answer_targets import Kept, token_rows, token_schema, token_tables
from teacherspec.package.shards import shard_name
from teacherspec.package.top_k import draw_tokens, log_probs_at, reduce_logits
from teacherspec.prepared import Split
from teacherspec.tasks.causal_lm import CausalLM

README = Path(__file__).with_name("README.md")
KS = (8, 16, 32, 64, 128)
VOCABULARY = 151_936
DRAWS = 22
LENGTH = 64
"""Answered tokens of a made sequence."""

LONGEST = 448
"""Tokens of the answers that are used; the contexts of small models are short."""

PAIRS = (("prompt", "completion"), ("question", "answer"))
"""What rows of files call question and answer."""

SAMPLE = 256
"""Positions on which losses are measured."""


class Made:
    """A stand-in for a task and its model: heavy-tailed logits over a large vocabulary, picked by token."""

    device = torch.device("cpu")

    def __init__(self, vocabulary: int, kinds: int = 64) -> None:
        draw = torch.Generator().manual_seed(0)
        zipf = -1.2 * torch.arange(1, vocabulary + 1, dtype=torch.float32).log()
        sharpness = 0.7 + 1.3 * torch.rand(kinds, generator=draw)
        rows = [zipf[torch.randperm(vocabulary, generator=draw)] * sharp for sharp in sharpness]
        self.table = torch.stack(rows)

    def encode(self, tokenizer: Any, rows: Dataset) -> list[dict[str, Any]]:
        del tokenizer
        draw = np.random.default_rng(0)
        tokens = draw.integers(self.table.shape[1], size=(len(rows), LENGTH + 1)).tolist()
        return [{"input_ids": ids, "supervised": [0] + [1] * LENGTH} for ids in tokens]

    def collate(self, tokenizer: Any) -> Any:
        del tokenizer

        def packed(examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
            asked = [token for one in examples for token in one["input_ids"][:-1]]
            labels = [token for one in examples for token in one["input_ids"][1:]]
            return {"asked": torch.tensor(asked), "labels": torch.tensor([[-100, *labels]])}

        return packed

    def logits(self, model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        del model
        draw = torch.Generator().manual_seed(int(batch["asked"][0]))  # no two positions are alike
        noise = torch.randn(len(batch["asked"]), self.table.shape[1], generator=draw)
        return self.table[batch["asked"] % len(self.table)] + 0.5 * noise


class Source:
    """A task, a model and rows, on which all numbers of one table are measured."""

    def __init__(self, task: Any, model: Any, tokenizer: Any, rows: Dataset, vocabulary: int) -> None:
        self.task, self.model, self.tokenizer, self.rows = task, model, tokenizer, rows
        self.vocabulary = vocabulary

    def batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Logits and labels of the answered positions, by the forward pass alone."""
        encoded, collate = (
            self.task.encode(self.tokenizer, self.rows),
            self.task.collate(self.tokenizer),
        )
        with torch.inference_mode():
            for start in range(0, len(self.rows), 8):
                examples = [encoded[at] for at in range(start, min(start + 8, len(self.rows)))]
                batch = dict(collate(examples))
                labels = batch.pop("labels")[0, 1:]
                yield self.task.logits(self.model, batch), labels

    def write(self, path: Path, kept: Kept) -> None:
        """What the package writes of the rows."""
        schema = token_schema(self.rows, [], kept)
        parts = token_rows(self.task, self.model, self.tokenizer, self.rows, kept)
        split = Split("train", "validation", len(self.rows), "", path)
        write_parquet_parts(path, schema, token_tables(parts, split, self.rows, [], schema))


def made(count: int) -> Source:
    task = Made(VOCABULARY)
    return Source(task, task, None, Dataset.from_dict({"id": [f"row-{i}" for i in range(count)]}), VOCABULARY)


def real(folder: Path, file: Path, count: int) -> Source:
    declared = {"kind": "causal_lm", "max_length": LONGEST + 64, "over_long": "truncate_prompt"}
    task = CausalLM.model_validate_json(json.dumps(declared))
    model, tokenizer = task.load(folder)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    prompt, completion = next(names for names in PAIRS if set(names) <= lines[0].keys())
    fitting = (line for line in lines if len(tokenizer(str(line[completion]))["input_ids"]) < LONGEST)
    lines = list(islice(fitting, count))
    completions = [line[completion] for line in lines]
    rows = {
        "id": [f"row-{i}" for i in range(len(lines))],
        "prompt": [line[prompt] for line in lines],
        "completion": [one if isinstance(one, list) else [one] for one in completions],
    }
    return Source(task, model, tokenizer, Dataset.from_dict(rows), model.config.vocab_size)


def losses(logits: torch.Tensor, labels: torch.Tensor, k: int) -> tuple[float, float, float]:
    """Mean tail mass, and KL of what a student can be taught to the full distribution, nats.

    The first KL(full ‖ taught) is with the tail spread evenly. With the tail dropped that is infinite, so the
    second is the other direction, KL(top k renormalised ‖ full): how far a student is drawn from the teacher.
    """
    stored = reduce_logits(logits, labels, k)
    full = logits.double().log_softmax(-1)
    top, tail = (found.double() for found in log_probs_at(stored, 1.0))
    taught = (tail - math.log(logits.shape[-1] - k))[:, None].expand(full.shape).clone()
    taught.scatter_(-1, stored.token_ids.long(), top)
    evenly = (full.exp() * (full - taught)).sum(-1).mean()
    alone = top.log_softmax(-1)
    away = (alone.exp() * (alone - full.gather(-1, stored.token_ids.long()))).sum(-1).mean()
    return float(stored.tail_log_mass.exp().mean()), float(evenly), float(away)


def temperature_loss(logits: torch.Tensor, labels: torch.Tensor, k: int, temperature: float) -> float:
    """Largest error of a stored probability after a temperature was applied to what is stored."""
    stored = reduce_logits(logits, labels, k)
    full = (logits.double() / temperature).softmax(-1).gather(-1, stored.token_ids.long())
    return float((log_probs_at(stored, temperature)[0].double().exp() - full).abs().max())


def draws_loss(logits: torch.Tensor) -> float:
    """KL(drawn shares ‖ full): the noise of one position, which averages out over positions."""
    full = logits.double().log_softmax(-1)
    found = draw_tokens(logits, DRAWS, torch.Generator().manual_seed(0))
    total = 0.0
    for position, (ids, counts) in enumerate(found):
        shares = torch.tensor(counts, dtype=torch.float64) / DRAWS
        total += float((shares * (shares.log() - full[position, ids])).sum())
    return total / len(found)


def told(number: float, timed: bool) -> str:
    return f"{number:,.3g}" if timed else "not measured"


def seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


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
        kinds = [*(Kept(k) for k in KS if k < source.vocabulary), Kept(8, DRAWS)]
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


def export_lines(source: Source, class_rows: int, timed: bool) -> list[str]:
    """Time of each export, over reading all columns of the same soft targets into Python once."""
    lines = ["| export | rows | rows/s | time / reading the rows |", "|---|---:|---:|---:|"]
    with tempfile.TemporaryDirectory() as place, chdir(place):
        classifier, language = Path("classifier"), Path("language")
        write_class_targets(classifier, class_rows, 20)
        write_language_targets(language, source)
        for name, package in (
            ("safetensors-logits", classifier),
            ("distillkit", language),
            ("trl", language),
        ):
            (path,) = (package / "distill/soft").glob("*.parquet")
            table = pa.parquet.read_table(path)
            read = seconds(lambda path=path: pa.parquet.read_table(path).to_pylist())
            took = seconds(lambda name=name, package=package: export(package, Path("out"), name))
            rate, ratio = told(len(table) / took, timed), told(took / read, timed)
            lines.append(f"| {name} | {len(table):,} | {rate} | {ratio} |")
            click.echo(lines[-1])
    return lines


def write_class_targets(folder: Path, rows: int, classes: int) -> None:
    draw = np.random.default_rng(0)
    flat = pa.array(draw.normal(size=rows * classes).astype(np.float32))
    table = pa.table(
        {
            "id": [f"{i}" for i in range(rows)],
            "content_sha256": [f"{i:064x}" for i in range(rows)],
            "label": pa.array(draw.integers(classes, size=rows)),
            "logits": pa.FixedSizeListArray.from_arrays(flat, classes),
        }
    )
    write_parquet(folder / "distill/soft" / shard_name("train", 0, 1), table)
    names = [str(i) for i in range(classes)]
    stated = {"name": "b", "label_names": names, "soft_targets": {"rows": {"train": rows}}}
    write_json(folder / "metadata.json", stated)


def write_language_targets(folder: Path, source: Source) -> None:
    kept = Kept(32)
    rows = source.rows
    schema = token_schema(rows, ["prompt"], kept)
    parts = token_rows(source.task, source.model, source.tokenizer, rows, kept)
    path = folder / "distill/soft" / shard_name("train", 0, 1)
    split = Split("train", "train", len(rows), "", path)
    write_parquet_parts(path, schema, token_tables(parts, split, rows, ["prompt"], schema))
    write_json(folder / "provenance/spec.json", {"task": source.task.model_dump(mode="json")})
    source.tokenizer.save_pretrained(folder / "model")
    write_json(folder / "model/config.json", {"vocab_size": source.vocabulary})
    write_json(folder / "metadata.json", {"name": "b", "soft_targets": {"rows": {"train": len(rows)}}})


def fill(marker: str, lines: list[str]) -> None:
    """Put lines between the markers of the README."""
    text = README.read_text(encoding="utf-8")
    pattern = rf"(<!-- {marker} -->\n).*?(<!-- /{marker} -->)"
    assert re.search(pattern, text, re.S), marker
    body = "\n".join(lines) + "\n"
    README.write_text(
        re.sub(pattern, lambda found: found[1] + body + found[2], text, flags=re.S), encoding="utf-8"
    )


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
            fill(marker, lines)


if __name__ == "__main__":
    main()
