"""The folders of links to code below `code/`: what they must hold, what they hold, and how to mend them.

A stage depends on `code/<stage>`, links to every file that it runs for any kind of task, and on
`code/<kind>`, links to what only teachers of that kind run. DVC follows links, can name a folder by
`task.kind`, and finds that nothing changed in a seventh of the time that listed files take: it reads
`dvc.yaml` and `dvc.lock` in Python.
"""

from pathlib import Path

from teacherspec.road.closure import Project

CODE = Path("code")
CHOSEN_KIND = "code/${task.kind}"
"""How `dvc.yaml` names the code of the one kind of task that a teacher uses."""

UP = Path("../..")
"""From a folder of links to the root."""

EXEMPT = frozenset(
    {
        ("teacherspec/runtime/entrypoint.py", "teacherspec/check/run.py"),
        ("teacherspec/runtime/entrypoint.py", "teacherspec/run_records/record_run.py"),
        ("teacherspec/runtime/entrypoint.py", "teacherspec/run_records/hardware.py"),
        ("teacherspec/runtime/entrypoint.py", "teacherspec/runtime/launcher.py"),
    }
)
"""The whole-file check and the receipts can refuse a run, and the launcher starts the same program more than
once, no more: no result depends on their code."""


def real_code(root: Path, door: str) -> frozenset[str]:
    """The files that running `door` can run; what a kind of task brings is `code/${task.kind}`."""
    return _real_code(Project(root, exempt=EXEMPT), door)


def _real_code(project: Project, door: str) -> frozenset[str]:
    kinds = frozenset(kinds_of_task(project.root).values())
    common = project.closure(door, without=kinds)
    reached = any(kinds.intersection(project.imports(file)) for file in common)
    return common | {CHOSEN_KIND} if reached else common


def doors(root: Path) -> dict[str, str]:
    """Stage → the file of its door, sorted."""
    return {door.stem: f"stages/{door.name}" for door in sorted((root / "stages").glob("[a-z]*.py"))}


def kinds_of_task(root: Path) -> dict[str, str]:
    """Kind of task → the file that defines it: `kind: Literal["<its stem>"]`."""
    files = sorted((root / "teacherspec/tasks").glob("[a-z]*.py"))
    return {
        file.stem: file.relative_to(root).as_posix()
        for file in files
        if f'kind: Literal["{file.stem}"]' in file.read_text(encoding="utf-8")
    }


def code_links(root: Path) -> dict[str, str]:
    """Links below `code/` that must be: path from the root → the file it leads to.

    Left out of the folder of a kind is what every stage that reaches kinds runs anyway.
    """
    project = Project(root, exempt=EXEMPT)
    kinds = kinds_of_task(root)
    stages = {stage: _real_code(project, door) for stage, door in doors(root).items()}
    reaching = [code for code in stages.values() if CHOSEN_KIND in code]
    common = frozenset.intersection(*reaching) if reaching else frozenset()
    others = {kind: frozenset(kinds.values()) - {file} for kind, file in kinds.items()}
    folders = {stage: code - {CHOSEN_KIND} for stage, code in stages.items()}
    folders |= {kind: project.closure(entry, without=others[kind]) - common for kind, entry in kinds.items()}
    return {
        (CODE / folder / file.replace("/", ".").removesuffix(".py")).as_posix(): file
        for folder, files in folders.items()
        for file in sorted(files)
    }


def wrong_links(root: Path) -> list[str]:
    """Problems with the links below `code/`, one a link; empty when all is right."""
    wanted, found = code_links(root), _found_links(root)
    missing = [
        f"{link}: must be a link to {file}" for link, file in wanted.items() if found.get(link) != file
    ]
    return missing + [f"{link}: leads to code that is not run" for link in found.keys() - wanted.keys()]


def write_links(root: Path) -> None:
    """Make the links below `code/` right."""
    wanted, found = code_links(root), _found_links(root)
    for link in found.keys() - wanted.keys():
        (root / link).unlink()
    for link, file in wanted.items():
        if found.get(link) != file:
            (root / link).unlink(missing_ok=True)
            (root / link).parent.mkdir(parents=True, exist_ok=True)
            (root / link).symlink_to(UP / file)


def _found_links(root: Path) -> dict[str, str]:
    """Everything below `code/`: path from the root → what it leads to, empty where it is no link."""
    files = [path for path in (root / CODE).glob("*/*") if path.is_symlink() or not path.is_dir()]
    return {
        path.relative_to(root).as_posix(): path.readlink().as_posix().removeprefix(f"{UP.as_posix()}/")
        if path.is_symlink()
        else ""
        for path in files
    }
