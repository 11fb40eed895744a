"""How fast soft targets become what other programs read."""

import tempfile
from contextlib import chdir
from pathlib import Path

import click
import numpy as np
import pyarrow as pa

from benchmarks.soft_targets.sources import Source
from benchmarks.soft_targets.timing import seconds, told
from teacherspec.export.registry import export
from teacherspec.package.generation.token_targets import StoredTokens, token_rows, token_schema, token_tables
from teacherspec.package.resumable_shards import shard_name
from teacherspec.runtime.atomic_io import write_json, write_parquet, write_parquet_parts
from teacherspec.splits import Split


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
    kept = StoredTokens(32)
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
