"""Whether the student probe ranks teachers as it should: `python -m benchmarks.probe teachers`, ….

`teachers` and `probe` resume: what is in the scratch folder or in `runs.jsonl` is not computed again.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import click

RUNS = Path(__file__).with_name("runs.jsonl")
CONTROLS = Path(__file__).with_name("controls.jsonl")
ENSEMBLES = Path(__file__).with_name("ensembles.jsonl")
WORK = click.option(
    "--work", default=Path(".scratch/probe"), type=click.Path(path_type=Path), help="Scratch."
)


@click.group()
def main() -> None:
    """Build teachers whose worth is known, and probe them."""


@main.command()
@WORK
def teachers(work: Path) -> None:
    """Train what is missing in the scratch folder."""
    from benchmarks.probe.teachers import train_missing

    train_missing(work)


@main.command()
@WORK
@click.option("--student", "students", multiple=True, help="Student; may be repeated. By default all.")
def probe(work: Path, students: tuple[str, ...]) -> None:
    """Probe every teacher that is trained, with each student, where `runs.jsonl` lacks it."""
    from benchmarks.probe.measure import SECTIONS

    _probe_missing(work, students or tuple(SECTIONS), RUNS)


@main.command()
@WORK
def controls(work: Path) -> None:
    """The same by the rule with both controls, with the first student, where `controls.jsonl` lacks it."""
    _probe_missing(work, ("bag_of_ngrams",), CONTROLS)


def _probe_missing(work: Path, students: Sequence[str], target: Path) -> None:
    from benchmarks.probe.measure import lines
    from benchmarks.probe.teachers import TEACHERS

    for student in students:
        for teacher in TEACHERS:
            done = target.read_text(encoding="utf-8").splitlines() if target.exists() else []
            finished = {(line["teacher"], line["student"]) for line in map(json.loads, done)}
            if (teacher, student) in finished or not (work / teacher / "calibrate").is_dir():
                continue
            found = [json.dumps(line) for line in lines(work, teacher, student)]
            with target.open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in found)
            click.echo("\n".join(found))


@main.command()
@WORK
def speed(work: Path) -> None:
    """CPU seconds an arm and epoch, all arms at once and one alone."""
    from benchmarks.probe.measure import speed as measured

    click.echo(json.dumps(measured(work)))


@main.command()
@click.argument("artifacts", type=click.Path(exists=True, file_okay=False, path_type=Path))
def client(artifacts: Path) -> None:
    """Lift of a student that is trained from the package in ARTIFACTS by plain torch."""
    from benchmarks.probe.client import lift

    click.echo(json.dumps(lift(artifacts), ensure_ascii=False))


@main.command()
@click.argument("artifacts", type=click.Path(exists=True, file_okay=False, path_type=Path))
def language_client(artifacts: Path) -> None:
    """Lift of a student of a language model, trained from the package in ARTIFACTS by transformers."""
    from benchmarks.probe.language_client import lift

    click.echo(json.dumps(lift(artifacts), ensure_ascii=False))


@main.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@WORK
def ensemble(data: Path, work: Path) -> None:
    """Compare targets of an ensemble with the teacher's on public texts in the folder DATA."""
    from benchmarks.probe.ensemble import lines

    found = [json.dumps(line) for line in lines(data, work)]
    ENSEMBLES.write_text("\n".join(found) + "\n", encoding="utf-8")
    click.echo("\n".join(found))


@main.command()
def table() -> None:
    """Write the tables of the README."""
    from benchmarks.probe.table import write_tables

    write_tables(RUNS, CONTROLS, ENSEMBLES)


main()
