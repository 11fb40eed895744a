"""A tiny real road under an audit of every file that Python opens: what is read is what is declared.

Blind to what libraries open without Python (safetensors, Arrow): these read data and models only.
"""

import json
from pathlib import Path

import pytest

from teacherspec.run_records.dvc_yaml import DeclaredStage, read_road
from tests.pipeline.gitops.sandbox import ROOT, Sandbox, new_repository

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
"""Read by the door, by receipts and by the check of the declaration; each declared key of them is a param."""

EXPLAINS = (
    "teacherspec/declaration/",
    "teacherspec/receipts/",
    "teacherspec/check/run.py",
    "teacherspec/check/cross_checks.py",
    "teacherspec/check/spec.py",
    "teacherspec/runtime/launcher.py",  # starts processes, on any number of which the result is the same
)
"""Code that can refuse a run and never alter a result, and what it alone imports."""


def undeclared(root: Path, stage: DeclaredStage, read: set[str], exempt: set[str]) -> set[str]:
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
        and not file.startswith((*EXPLAINS, ".git/", ".dvc/", "data/base/"))
    }


def traced(sandbox: Sandbox, place: Path, *targets: str) -> dict[str, set[str]]:
    """Stage → files of the repository that it read in a build of `targets`, links followed."""
    (place / "audit").mkdir(exist_ok=True)
    (place / "audit/sitecustomize.py").write_text(AUDIT)
    traces = place / "traces"
    traces.mkdir(exist_ok=True)
    for old in traces.iterdir():
        old.unlink()
    sandbox.run("dvc", "repro", *targets, PYTHONPATH=str(place / "audit"), TRACE=str(traces))
    found: dict[str, set[str]] = {}
    for path in sorted(traces.glob("*.json")):
        read = {name for name, writes in json.loads(path.read_text()) if not writes}
        found.setdefault(path.name.partition(".")[0], set()).update(read)
    return found


def followed(sandbox: Sandbox, stage: DeclaredStage) -> set[str]:
    """Files behind the links of the folders that a stage depends on."""
    links = (path for dep in stage.deps for path in (sandbox.root / dep).glob("*") if path.is_symlink())
    return {path.resolve().relative_to(sandbox.root.resolve()).as_posix() for path in links}


def imported_by_the_check() -> set[str]:
    """What only refuses imports: the sections of every stage with their verbs, and the receipts."""
    from teacherspec.road.closure import Project

    project = Project(ROOT)
    recording = "teacherspec/run_records/record_run.py"
    return {*project.closure("teacherspec/check/run.py"), *project.closure(recording)}


@pytest.mark.slow
def test_every_file_that_a_stage_reads_is_declared(tmp_path: Path) -> None:
    sandbox = new_repository(tmp_path)
    found = traced(sandbox, tmp_path)
    road, check = read_road(sandbox.root), imported_by_the_check()
    assert found.keys() == road.keys()
    for name, stage in road.items():
        assert f"stages/{name}.py" in found[name], "the audit saw nothing"
        exempt = check | followed(sandbox, stage)
        assert undeclared(sandbox.root, stage, found[name], exempt) == set(), name
    # The negative control: a file that is read and not declared is found.
    (sandbox.root / "data/secret.txt").write_text("0.5")
    sandbox.edit(
        "stages/prepare.py",
        "    spec = declared",
        "    Path('data/secret.txt').read_text()\n    spec = declared",
    )
    found = traced(sandbox, tmp_path, "prepare")
    exempt = check | followed(sandbox, road["prepare"])
    assert undeclared(sandbox.root, road["prepare"], found["prepare"], exempt) == {"data/secret.txt"}
