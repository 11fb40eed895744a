"""A tiny real pipeline under an audit of every file that Python opens: what is read is what is declared.

Blind to what libraries open without Python (safetensors, Arrow): these read data and models only.
"""

import json
from pathlib import Path

import pytest

from teacherspec.run_records.dvc_yaml import DeclaredStage, declared_stages
from tests.pipeline.gitops.repository import ROOT, Repository
from tests.pipeline.gitops.toy_repositories import new_repository
from tests.policy.import_closure import Project

AUDIT = """\
import atexit, json, os, sys
opened = set()
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        mode = arguments[1] or ""
        writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else False
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        writes = writes or bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        opened.add((os.fsdecode(arguments[0]), writes))
if "DVC_STAGE" in os.environ and "TRACE" in os.environ:
    root = os.environ["DVC_ROOT"]
    def leave():
        inside = sorted({
            (os.path.relpath(os.path.realpath(path), os.path.realpath(root)), writes)
            for path, writes in list(opened)
        })
        name = f"{os.environ['DVC_STAGE']}.{os.getpid()}.json"
        with open(os.path.join(os.environ["TRACE"], name), "w") as file:
            json.dump([found for found in inside if not found[0].startswith("..")], file)
    atexit.register(leave)
    sys.addaudithook(hook)
"""

ALWAYS = ("dvc.yaml", "params.yaml", ".dvcignore", "pyproject.toml")
"""Read by the entrypoint and by the records of a run; each declared key of them is a param."""

REFUSES_ONLY = (
    "teacherspec/check/",
    "teacherspec/run_records/",
    "teacherspec/spec/",
    "teacherspec/tracking/",
)
"""Code that can refuse a run and never alters a result: the check of the declaration, the records, and where
the numbers of a training are shown."""


def undeclared(root: Path, stage: DeclaredStage, read: set[str], exempt: frozenset[str]) -> set[str]:
    """Files that a stage read and neither declares nor wrote; what it made for itself is gone by now."""
    own = (*stage.outs, "reports/", ".scratch/")
    declared = (*stage.deps, *own)
    return {
        file
        for file in read
        if (root / file).is_file()
        and file not in ALWAYS
        and file not in exempt
        and not any(file == path or file.startswith(f"{path.rstrip('/')}/") for path in declared)
        and Path(file).name != "__init__.py"
        and not file.startswith((*REFUSES_ONLY, ".git/", ".dvc/", "data/base/"))
    }


def traced(repository: Repository, place: Path, *targets: str) -> dict[str, set[str]]:
    """Stage → files of the repository that it read in a build of `targets`."""
    (place / "audit").mkdir(exist_ok=True)
    (place / "audit/sitecustomize.py").write_text(AUDIT)
    traces = place / "traces"
    traces.mkdir(exist_ok=True)
    for old in traces.iterdir():
        old.unlink()
    repository.run("dvc", "repro", *targets, PYTHONPATH=str(place / "audit"), TRACE=str(traces))
    found: dict[str, set[str]] = {}
    for path in sorted(traces.glob("*.json")):
        read = {name for name, writes in json.loads(path.read_text()) if not writes}
        found.setdefault(path.name.partition(".")[0], set()).update(read)
    return found


def imported_by_the_check() -> frozenset[str]:
    """What the check of the whole declaration imports: the sections of every stage and all kinds of task."""
    return Project(ROOT).closure("teacherspec/check/run.py")


@pytest.mark.slow
def test_every_file_that_a_stage_reads_is_declared(tmp_path: Path) -> None:
    repository = new_repository(tmp_path)
    found = traced(repository, tmp_path)
    stages, check = declared_stages(repository.root), imported_by_the_check()
    assert found.keys() == stages.keys()
    for name, stage in stages.items():
        assert f"stages/{name}.py" in found[name], "the audit saw nothing"
        assert undeclared(repository.root, stage, found[name], check) == set(), name
    # The negative control: a file that is read and not declared is found.
    (repository.root / "data/secret.txt").write_text("0.5")
    repository.edit(
        "stages/prepare.py",
        "        spec = load_sections",
        "        Path('data/secret.txt').read_text()\n        spec = load_sections",
    )
    found = traced(repository, tmp_path, "prepare")
    assert undeclared(repository.root, stages["prepare"], found["prepare"], check) == {"data/secret.txt"}
