"""How recipes of fine-tuning compare: `python -m benchmarks.recipes run`, then `... table`.

`run` trains each recipe with each seed on each data set and appends one line a model to `runs.jsonl`; lines
that are there are not computed again. `table` writes the tables of the README from these lines.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from benchmarks.recipes.recipes import RECIPES
from benchmarks.recipes.table import write_tables

RUNS = Path(__file__).with_name("runs.jsonl")
START = "linear probe alone"


@click.group()
def main() -> None:
    """Compare recipes of fine-tuning."""


@main.command()
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path), help="Public data sets.")
@click.option("--work", default=Path(".scratch/recipes"), type=click.Path(path_type=Path), help="Scratch.")
@click.option("--set", "sets", multiple=True, required=True, help="Data set; may be repeated.")
@click.option("--recipe", "recipes", multiple=True, help="Recipe; may be repeated. By default all.")
@click.option("--seeds", default=5, show_default=True, help="Seeds 0 to this number, exclusive.")
@click.option(
    "--fp32", is_flag=True, help="Texts in float32, where the CPU has no bf16 units; a table of its own."
)
def run(
    data: Path, work: Path, sets: tuple[str, ...], recipes: tuple[str, ...], seeds: int, fp32: bool
) -> None:
    """Train what is missing in `runs.jsonl`, seed by seed."""
    from benchmarks.recipes.datasets import DATASETS
    from benchmarks.recipes.measure import measure, measure_start
    from teacherspec.tasks.shared.hf_loading import quiet_libraries

    quiet_libraries()
    prepared = {name: DATASETS[name](data, work / name) for name in sets}
    if fp32:
        prepared = {
            name if dataset.precision == "fp32" else f"{name}, float32": replace(dataset, precision="fp32")
            for name, dataset in prepared.items()
        }
    for seed in range(seeds):
        for recipe in recipes or (START, *RECIPES):
            for name, dataset in prepared.items():
                where = {"set": name, "seed": seed}
                if {**where, "recipe": recipe} in _finished() or (recipe == START and seed):
                    continue
                scratch = work / name / "scratch"
                if recipe == START:
                    lines = [measure_start(dataset, scratch)]
                else:
                    lines = list(measure(recipe, RECIPES[recipe], dataset, seed, scratch))
                with RUNS.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps({**where, **line}) + "\n" for line in lines)
                for line in lines:
                    click.echo(f"{name} {seed} {line}")


def _finished() -> list[dict[str, Any]]:
    lines = RUNS.read_text(encoding="utf-8").splitlines() if RUNS.exists() else []
    return [{key: json.loads(line)[key] for key in ("set", "seed", "recipe")} for line in lines]


@main.command()
def table() -> None:
    """Write the tables of the README."""
    write_tables(RUNS)


main()
