"""Five small stages with a real entrypoint: `python -m stages.toy STAGE`, copied into a toy repository.

`train` takes steps with a checkpoint after each, as the real one does, and every step depends on all
before it: a wrong resume, or two trainings in one folder, gives other bytes.
"""

import hashlib
import time
from pathlib import Path

import click
from ruamel.yaml import YAML
from stages.texts.greeting import GREETING

from teacherspec.runtime.atomic_io import (
    encode_json,
    new_folder,
    read_json,
    sha256_file,
    write_json,
    write_text,
)
from teacherspec.runtime.entrypoint import record_run, report_user_errors

SCRATCH = Path(".scratch/train")
SPLITS = Path("artifacts/prepare")


def digest(value: object) -> str:
    return hashlib.sha256(encode_json(value).encode()).hexdigest()


def check(params: dict) -> None:
    with new_folder(Path("artifacts/check")) as folder:
        write_text(folder / "ok.txt", "ok\n")


def prepare(params: dict) -> None:
    rows = Path("data/rows.txt").read_text().split()
    with new_folder(SPLITS) as folder:
        for part in range(params["parts"]):
            write_text(folder / f"split/{part}.txt", "\n".join(rows[part :: params["parts"]]) + "\n")
            time.sleep(params["pause"])


def train(params: dict) -> None:
    start = digest([params, {path.name: sha256_file(path) for path in sorted((SPLITS / "split").iterdir())}])
    checkpoint = SCRATCH / f"{start[:16]}.json"
    state = read_json(checkpoint) if checkpoint.exists() else {"step": 0, "weights": start}
    while state["step"] < params["steps"]:
        time.sleep(params["pause"])
        state = {"step": state["step"] + 1, "weights": digest(state)}
        write_json(checkpoint, state)
    with new_folder(Path("artifacts/train")) as folder:
        write_json(folder / "model.json", state)
        write_text(folder / "big.txt", state["weights"] * params.get("width", 1))
    checkpoint.unlink()


def evaluate(params: dict) -> None:
    model = read_json(Path("artifacts/train/model.json"))
    write_json(Path("artifacts/evaluate/predictions.json"), [digest([model, i]) for i in range(9)])
    time.sleep(params["pause"])
    write_json(Path("reports/evaluate/metrics.json"), {"accuracy": int(model["weights"][:4], 16) / 65536})


def package(params: dict) -> None:
    with new_folder(Path("artifacts/package")) as folder:
        for path in (Path("artifacts/train/model.json"), Path("reports/evaluate/metrics.json")):
            write_text(folder / path.name, path.read_text())
            time.sleep(params["pause"])
        write_text(folder / "README.md", f"{params['name']}: {GREETING}\n")


STAGES = {stage.__name__: stage for stage in (check, prepare, train, evaluate, package)}


@click.command()
@click.argument("name", type=click.Choice(list(STAGES)))
@report_user_errors()
@record_run()
def main(name: str) -> None:
    params = YAML(typ="safe", pure=True).load(Path("params.yaml").read_text())
    STAGES[name](params.get(name, {}))


if __name__ == "__main__":
    main()
