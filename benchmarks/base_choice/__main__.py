"""How the ranking of candidates compares with fine-tuned results: `python -m benchmarks.base_choice run`.

`run` ranks and fine-tunes each candidate on each data set and appends a line to `runs.jsonl`; lines that are
there are not computed again. `table` writes the tables of the README from these lines.
"""

import json
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.base_choice.table import write_tables

RUNS = Path(__file__).with_name("runs.jsonl")
TUNED = ("accuracy", "shifted_accuracy", "nll", "seconds")
RECIPE = "probed head"
"""The default recipe of fine-tuning: the head starts as a linear probe, 0.7 of the weights are fine-tuned."""


@click.group()
def main() -> None:
    """Compare rankings of untrained bases with fine-tuned results."""


@main.command()
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path), help="Public data sets.")
@click.option("--models", type=click.Path(exists=True, path_type=Path), help="Folder of further bases.")
@click.option(
    "--work", default=Path(".scratch/base_choice"), type=click.Path(path_type=Path), help="Scratch."
)
@click.option("--set", "sets", multiple=True, required=True, help="Data set; may be repeated.")
@click.option("--candidate", "chosen", multiple=True, help="Candidate; may be repeated. By default all.")
@click.option("--seeds", default=2, show_default=True, help="Seeds 0 to this number, exclusive.")
def run(
    data: Path,
    models: Path | None,
    work: Path,
    sets: tuple[str, ...],
    chosen: tuple[str, ...],
    seeds: int,
) -> None:
    """Measure what is missing in `runs.jsonl`: first all rankings, then trainings seed by seed."""
    from benchmarks.base_choice.candidates import SETS, with_candidate
    from teacherspec.tasks.shared.hf_loading import quiet_libraries

    quiet_libraries()
    prepared = {name: SETS[name][0](data, work / name) for name in sets}
    for seed in (None, *range(seeds)):
        for name, dataset in prepared.items():
            for candidate in chosen or SETS[name][1]:
                made = SETS[name][1][candidate]
                where = {"set": name, "candidate": candidate, "seed": seed}
                started = with_candidate(dataset, made, models)
                if started is None or where in _finished():
                    continue
                found = _ranked(started) if seed is None else _tuned(started, seed, work / name / "scratch")
                with RUNS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({**where, **found}) + "\n")
                click.echo(f"{where} done")


def _finished() -> list[dict[str, Any]]:
    lines = RUNS.read_text(encoding="utf-8").splitlines() if RUNS.exists() else []
    return [{key: json.loads(line)[key] for key in ("set", "candidate", "seed")} for line in lines]


def _ranked(data: Any) -> dict[str, Any]:
    """The scores of the untrained candidate, with the draws of which ranks are made."""
    import torch

    from teacherspec.base.classification.candidate_scores import candidate_scores
    from teacherspec.splits import open_split
    from teacherspec.tasks.shared.interfaces.model import ModelInit

    torch.manual_seed(0)
    began = time.process_time()
    model, processor = data.task.load_base(
        data.base, data.prepared.label_names, ModelInit(pooling=data.pooling)
    )
    train, validation = (open_split(data.prepared.splits[name]) for name in ("train", "validation"))
    scores = candidate_scores(data.task, model, processor, train, validation)
    seconds = round(time.process_time() - began, 1)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": parameters, "seconds": seconds} | {
        name: {
            "value": score.value,
            "higher_is_better": score.higher_is_better,
            "draws": [float(f"{draw:.5g}") for draw in score.draws.resampled[:200]],
        }
        for name, score in scores.items()
    }


def _tuned(data: Any, seed: int, scratch: Path) -> dict[str, Any]:
    """Test scores of the fine-tuned candidate."""
    from benchmarks.recipes.measure import measure
    from benchmarks.recipes.recipes import PROBED, Recipe

    (*_, found) = measure(RECIPE, Recipe(PROBED, interpolated=(0.7,)), data, seed, scratch)
    return {key: found[key] for key in TUNED}


@main.command()
def table() -> None:
    """Write the tables of the README."""
    write_tables(RUNS)


main()
