"""What stored soft targets cost and lose: `python -m benchmarks.soft_targets`.

Sizes are of the Parquet files that the package writes; losses are KL to the distribution they were taken
from. Needs about 2 GiB of memory. With `--model FOLDER` (a causal language model and its tokenizer) and
`--texts FILE` the same is measured on real positions. Results go between the markers of the README.
"""

import math
import platform
import re
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pyarrow as pa
import torch

from teacherspec.export.formats import export
from teacherspec.files import write_json, write_parquet
from teacherspec.package.token_targets import Stored, write_token_targets
from teacherspec.package.top_k import log_probs_at, sample_counts, tail_mass, top_k

README = Path(__file__).with_name("README.md")
KS = (8, 16, 32, 64, 128)
VOCABULARY = 151_936
DRAWS = 22
LENGTH = 64
"""Tokens of a made sequence."""


class Made:
    """A stand-in for a model: heavy-tailed logits over a large vocabulary, drawn once, picked by token."""

    device = torch.device("cpu")

    def __init__(self, vocabulary: int, kinds: int = 64) -> None:
        draw = torch.Generator().manual_seed(0)
        zipf = -1.2 * torch.arange(1, vocabulary + 1, dtype=torch.float32).log()
        sharpness = 0.7 + 1.3 * torch.rand(kinds, generator=draw)
        rows = [zipf[torch.randperm(vocabulary, generator=draw)] * sharp for sharp in sharpness]
        self.logits = torch.stack(rows)

    def __call__(self, input_ids: torch.Tensor) -> Any:
        return SimpleNamespace(logits=self.logits[input_ids % len(self.logits)])


def sequences(count: int, vocabulary: int, length: int = LENGTH) -> list[dict[str, Any]]:
    draw = np.random.default_rng(0)
    return [
        {
            "id": f"row-{i:05d}",
            "content_sha256": f"{i:064x}",
            "input_ids": draw.integers(vocabulary, size=length).tolist(),
            "completion_mask": [0] * (length // 2) + [1] * (length - length // 2),
            "in_teacher_train": False,
        }
        for i in range(count)
    ]


def real_sequences(folder: Path, texts: Path, count: int) -> tuple[Any, list[dict[str, Any]], int]:
    """A model, its rows and its vocabulary."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    lines = [line for line in texts.read_text(encoding="utf-8").splitlines() if len(line) > 80][:count]
    rows = []
    for i, line in enumerate(lines):
        ids = tokenizer(line, truncation=True, max_length=4 * LENGTH)["input_ids"]
        row = {"id": f"row-{i:05d}", "content_sha256": f"{i:064x}", "input_ids": ids}
        rows.append({**row, "completion_mask": [1] * len(ids), "in_teacher_train": False})
    return model, rows, model.config.vocab_size


def losses(logits: torch.Tensor, k: int) -> tuple[float, float]:
    """KL(full ‖ what a student can be taught) in nats: tail spread evenly, and top k renormalised.

    The second is infinite where the full distribution has mass outside the top k, so the other direction,
    KL(top k renormalised ‖ full), is given for it: how far a student is drawn away from the teacher.
    """
    stored = top_k(logits, k)
    full = logits.double().log_softmax(-1)
    top, tail = (found.double() for found in log_probs_at(stored, 1.0))
    taught = (tail - math.log(logits.shape[-1] - k))[:, None].expand(full.shape).clone()
    taught.scatter_(-1, stored.token_ids.long(), top)
    evenly = (full.exp() * (full - taught)).sum(-1).mean()
    alone = top.log_softmax(-1)
    away = (alone.exp() * (alone - full.gather(-1, stored.token_ids.long()))).sum(-1).mean()
    return float(evenly), float(away)


def draws_loss(logits: torch.Tensor) -> float:
    """KL(drawn shares ‖ full): the noise of one position, which averages out over positions."""
    full = logits.double().log_softmax(-1)
    found = sample_counts(logits, DRAWS, torch.Generator().manual_seed(0))
    total = 0.0
    for position, (ids, counts) in enumerate(found):
        shares = torch.tensor(counts, dtype=torch.float64) / DRAWS
        total += float((shares * (shares.log() - full[position, ids])).sum())
    return total / len(found)


def size(paths: list[Path], positions: int) -> float:
    return sum(path.stat().st_size for path in paths) / positions


def token_lines(model: Any, rows: list[dict[str, Any]], vocabulary: int) -> list[str]:
    lines = [
        "| stored | bytes / position | tail mass | KL, tail even | KL, tail dropped | positions/s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    positions = sum(len(row["input_ids"]) for row in rows)
    sample = torch.cat(
        [model(input_ids=torch.tensor([row["input_ids"]])).logits[0] for row in rows[:2]]
    ).detach()
    with tempfile.TemporaryDirectory() as place, torch.inference_mode():
        for name, stored in (
            *((f"top {k}", Stored(k)) for k in KS if k < vocabulary),
            (f"top 8 and {DRAWS} draws", Stored(8, DRAWS)),
        ):
            began = time.perf_counter()
            paths = write_token_targets(Path(place) / name, "train", model, rows, [], stored)
            seconds = time.perf_counter() - began
            mass = float(tail_mass(top_k(sample, stored.k)).mean())
            even, away = losses(sample, stored.k)
            note = f" (draws {draws_loss(sample):.3f})" if stored.draws else ""
            lines.append(
                f"| {name} | {size(paths, positions):.0f} | {mass:.4f} | {even:.4f} | {away:.4f}{note} "
                f"| {positions / seconds:.0f} |"
            )
            click.echo(lines[-1])
    lines.append(f"| all {vocabulary:,} in float16 | {2 * vocabulary:,} | 0 | 0 | 0 | – |")
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


def export_lines(rows: int, classes: int = 20, k: int = 32) -> list[str]:
    """Rows a second of each export, from packages made of their soft targets alone."""
    lines = ["| export | rows/s | positions/s |", "|---|---:|---:|"]
    with tempfile.TemporaryDirectory() as place:
        classifier, language = Path(place) / "classifier", Path(place) / "language"
        write_class_targets(classifier, rows, classes)
        model = Made(4_000)
        few = sequences(max(8, rows // 50), 4_000)
        turns = [{"role": "user", "content": "why"}, {"role": "assistant", "content": "so"}]
        kind = pa.list_(pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())]))
        whole = [{**row, "messages": turns} for row in few]
        write_token_targets(
            language / "distill/soft", "train", model, whole, [pa.field("messages", kind)], Stored(k)
        )
        write_json(language / "metadata.json", {"name": "b", "soft_targets": {"rows": {"train": len(few)}}})
        write_json(language / "model/config.json", {"vocab_size": 4_000})
        for name, package, count, length in (
            ("safetensors-logits", classifier, rows, 0),
            ("distillkit", language, len(few), LENGTH),
            ("trl", language, len(few), 0),
        ):
            began = time.perf_counter()
            export(package, Path(place) / "out", name)
            rate = count / (time.perf_counter() - began)
            lines.append(f"| {name} | {rate:,.0f} | {f'{rate * length:,.0f}' if length else '–'} |")
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
    write_parquet(folder / "distill/soft/train-00000-of-00001.parquet", table)
    names = [str(i) for i in range(classes)]
    write_json(
        folder / "metadata.json",
        {"name": "b", "label_names": names, "soft_targets": {"rows": {"train": rows}}},
    )


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
@click.option("--rows", default=64, show_default=True, help="Sequences of 64 tokens.")
@click.option("--class-rows", default=100_000, show_default=True, help="Rows of class logits.")
@click.option(
    "--model", type=click.Path(exists=True, path_type=Path), help="Folder of a causal language model."
)
@click.option(
    "--texts", type=click.Path(exists=True, path_type=Path), help="Text file for --model, a line a row."
)
@click.option("--write/--no-write", default=True, help="Whether the README gets the results.")
def main(rows: int, class_rows: int, model: Path | None, texts: Path | None, write: bool) -> None:
    """Measure and write the tables."""
    torch.manual_seed(0)
    conditions = [
        f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        f"{torch.get_num_threads()} thread(s);",
        f"torch {version('torch')}, pyarrow {version('pyarrow')}; {rows} sequences of {LENGTH} tokens,",
        f"{class_rows:,} rows of classes.",
    ]
    tables = {
        "conditions": conditions,
        "made": token_lines(Made(VOCABULARY), sequences(rows, VOCABULARY), VOCABULARY),
        "classes": class_lines(class_rows),
        "exports": export_lines(class_rows),
    }
    if model and texts:
        tables["real"] = token_lines(*real_sequences(model, texts, rows))
    if write:
        for marker, lines in tables.items():
            fill(marker, lines)


if __name__ == "__main__":
    main()
