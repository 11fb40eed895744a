"""Sentences on synthetic pictures (NLVR) by tiny models from scratch, the whole way to their numbers.

    python -m benchmarks.nlvr {clip,llava} FOLDER_OF_NLVR WORK_FOLDER

FOLDER_OF_NLVR holds dev.json, hidden.json, test.json and images_{dev,hid,test}.tar.gz of lil-lab/nlvr.
Prints JSON: accuracy on validation and test with intervals, what needs no eyes, CPU seconds.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.nlvr.bases import make_clip, make_llava
from benchmarks.nlvr.reached import labelled, reached
from benchmarks.nlvr.scenes import write_descriptions
from benchmarks.nlvr.statements import write_statements, write_true

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TRAINING = {
    "prepare": "artifacts/prepare reports/prepare",
    "base": "artifacts/prepare reports/base",
    "finetune": "artifacts/prepare reports/base/manifest.json artifacts/finetune",
}
MEASURING = {
    "evaluate": (
        "artifacts/prepare artifacts/finetune reports/base/manifest.json artifacts/evaluate reports/evaluate "
        "reports/evaluate/latency.json --about-data reports/prepare/metrics.json"
    ),
    "calibrate": "artifacts/evaluate artifacts/calibrate reports/calibrate",
}
STATEMENTS = 20_000


def walk(work: Path, declaration: str, stages: dict[str, str]) -> None:
    """Run the stages of a declaration in a folder beside data and models."""
    work.mkdir()
    shutil.copy(HERE / declaration, work / "params.yaml")
    for name in ("data", "models"):
        shutil.copytree(
            work.parent / name, work / name, copy_function=os.link
        )  # rows behind links are refused
    for name in ("teacherspec", "stages", "pyproject.toml"):
        (work / name).symlink_to(ROOT / name)
    for stage, arguments in stages.items():
        subprocess.run([sys.executable, "-m", f"stages.{stage}", *arguments.split()], cwd=work, check=True)


def texts_of(data: Path) -> list[str]:
    """Make statements and descriptions of the training pictures; all texts that are trained on."""
    told = write_statements(data / "dev.json", data / "statements.jsonl", STATEMENTS)
    told += write_descriptions(data / "dev.json", data / "shown_dev.jsonl", "dev")
    write_descriptions(data / "hidden.json", data / "shown_hidden.jsonl", "hidden", orders=1)
    write_true(data / "statements.jsonl", data / "dev.json", data / "true.jsonl")
    return told + [sentence for sentence, _ in labelled(data / "dev.json")]


def see(work: Path, texts: Sequence[str]) -> Path:
    """A dual encoder that tells pictures by what is drawn on them and true of them; made once for both."""
    model = work / "models/seeing-clip"
    if not model.is_dir():
        make_clip(work / "models/tiny-clip", texts)
        walk(work / "seeing", "seeing.yaml", TRAINING)
        shutil.copytree(work / "seeing/artifacts/finetune/model", model)
        (work / "seeing/cpu_seconds").write_text(str(cpu_seconds()))
    return model


def clip(work: Path, texts: Sequence[str]) -> None:
    """Learn from there whether a sentence is true."""
    see(work, texts)
    walk(work / "clip", "clip.yaml", TRAINING | MEASURING)


def llava(work: Path, texts: Sequence[str]) -> None:
    """Learn with the same eyes to describe and to judge at once."""
    make_llava(work / "models/tiny-llava", texts, see(work, texts))
    walk(work / "llava", "llava.yaml", TRAINING | MEASURING)


def cpu_seconds() -> int:
    """Of all stages that ran so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(used.ru_utime + used.ru_stime)


WAYS: dict[str, Callable[[Path, Sequence[str]], None]] = {"clip": clip, "llava": llava}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("way", type=click.Choice(sorted(WAYS)))
@click.argument("nlvr", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("work", type=click.Path(path_type=Path))
def main(way: str, nlvr: Path, work: Path) -> None:
    """Make base and data in WORK_FOLDER, run the stages there, print what was reached."""
    work = work.absolute()
    data = work / "data/nlvr"
    if not data.is_dir():
        data.mkdir(parents=True)
        for file in nlvr.iterdir():
            shutil.copyfile(file, data / file.name)
    began = cpu_seconds()
    WAYS[way](work, texts_of(data))
    seconds = {"seeing": int((work / "seeing/cpu_seconds").read_text()), "in this run": cpu_seconds() - began}
    os.chdir(work / way)
    trained_on = [*labelled(data / "statements.jsonl"), *labelled(data / "dev.json")]
    told: dict[str, Any] = reached(Path(), trained_on)
    ece = json.loads(Path("reports/calibrate/metrics.json").read_text())["test"]["ece"]
    told |= {"ece": {when: ece[when]["value"] for when in ("before", "after")}, "cpu_seconds": seconds}
    click.echo(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
