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

from benchmarks.nlvr.accuracy_reached import reached
from benchmarks.nlvr.bases import image_processor, make_clip, make_llava
from benchmarks.nlvr.lessons import School
from benchmarks.nlvr.llava import teach
from benchmarks.nlvr.pictures import Pictures, write_recoloured
from benchmarks.nlvr.scenes import people_of, read_rows, scenes_of, write_rows
from benchmarks.nlvr.seeing import learn_to_see
from teacherspec.run_records.dvc_yaml import DVC_YAML, parse_yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STAGES = ("prepare", "base", "finetune", "evaluate", "calibrate")
STATEMENTS = 18_000
"""Of ours, among which people's sentences are learned: about as many as of theirs."""


def walk(work: Path, way: str) -> None:
    """Run the stages of a declaration in a folder beside data and models."""
    (work / way).mkdir()
    shutil.copy(HERE / f"{way}.yaml", work / way / "params.yaml")
    for name in ("data", "models"):  # rows behind links are refused
        shutil.copytree(work / name, work / way / name, copy_function=os.link)
    for name in ("teacherspec", "stages", "pyproject.toml"):
        (work / way / name).symlink_to(ROOT / name)
    stages = parse_yaml((ROOT / DVC_YAML).read_text(encoding="utf-8"))["stages"]
    for stage in STAGES:
        command = [sys.executable, *stages[stage]["cmd"].split()[1:]]
        subprocess.run(command, cwd=work / way, check=True)


def prepared(nlvr: Path, data: Path) -> list[str]:
    """Copy the data and write what is trained on beside it; the texts of that."""
    if not data.is_dir():
        data.mkdir(parents=True)
        for file in nlvr.iterdir():
            shutil.copyfile(file, data / file.name)
        write_recoloured(data / "images_dev.tar.gz", data / "recoloured.zip")
    scenes = read_rows(data / "dev.json")
    people, made = people_of(scenes), School(scenes_of(scenes), seed=1).rows(STATEMENTS)
    write_rows(people, data / "people.jsonl")
    write_rows(made, data / "statements.jsonl")
    return [row["sentence"] for row in people + made]


def lessons(work: Path) -> School:
    """On the training pictures."""
    return School(scenes_of(read_rows(work / "data/nlvr/dev.json")), seed=0)


def pictures(work: Path) -> Pictures:
    """The same as inputs."""
    return Pictures(work / "data/nlvr/recoloured.zip", image_processor())


def see(work: Path, texts: Sequence[str]) -> Path:
    """A CLIP that knows what is true of pictures; made once for both ways."""
    model, untrained = work / "models/seeing-clip", work / "models/tiny-clip"
    if not model.is_dir():
        make_clip(untrained, texts)
        learn_to_see(untrained, lessons(work), pictures(work), model)
        (work / "seeing_cpu_seconds").write_text(str(cpu_seconds()))
    return model


def read(work: Path, texts: Sequence[str]) -> Path:
    """A LLaVA with these eyes that reads statements and answers."""
    model, untrained, seeing = work / "models/answering-llava", work / "models/tiny-llava", see(work, texts)
    if not model.is_dir():
        make_llava(untrained, texts, seeing)
        teach(untrained, seeing, lessons(work), pictures(work), model)
    return model


def cpu_seconds() -> int:
    """Of this process and of all stages that ran so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(sum(one.ru_utime + one.ru_stime for one in used))


WAYS: dict[str, Callable[[Path, Sequence[str]], Path]] = {"clip": see, "llava": read}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("way", type=click.Choice(sorted(WAYS)))
@click.argument("nlvr", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("work", type=click.Path(path_type=Path))
def main(way: str, nlvr: Path, work: Path) -> None:
    """Make base and data in WORK_FOLDER, run the stages there, print what was reached."""
    work = work.absolute()
    texts = prepared(nlvr, work / "data/nlvr")
    WAYS[way](work, texts)
    walk(work, way)
    seconds = {"seeing": int((work / "seeing_cpu_seconds").read_text()), "this run": cpu_seconds()}
    os.chdir(work / way)
    told: dict[str, Any] = reached(Path())
    ece = json.loads(Path("reports/calibrate/metrics.json").read_text())["test"]["ece"]
    told |= {"ece": {when: ece[when]["value"] for when in ("before", "after")}, "cpu_seconds": seconds}
    click.echo(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
