"""What a stage was built from, and what it would be built from now, on one side of a comparison."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from teacherspec.compare.params_diff import leaves_changed
from teacherspec.compare.revision import Revision
from teacherspec.run_records.dvc_hashing import md5_of_bytes
from teacherspec.run_records.dvc_yaml import DeclaredStage, params_of
from teacherspec.run_records.folder_contents import behind, behind_run
from teacherspec.run_records.receipt import hashes

CODE = ("stages/", "teacherspec/", "code/", "kinds/")
"""Where code lies; `kinds/` as older teachers name it."""

NAMED = 4
"""Changed inputs of a kind that a reason names before it counts the rest."""


@dataclass(frozen=True)
class Inputs:
    """All that determines what a stage gives.

    Attributes:
        command: that runs.
        data: path → MD5 as DVC counts it.
        code: file → MD5; a folder of links by itself where git does not have the files of the run.
        params: file → key → value.
    """

    command: str
    data: Mapping[str, str]
    code: Mapping[str, str]
    params: Mapping[str, Any]


def inputs_of_run(entry: Mapping[str, Any], side: Revision) -> Inputs:
    """What the run that this entry of the side's `dvc.lock` speaks of was given."""
    deps = hashes(entry.get("deps", ()))
    code: dict[str, str] = {}
    for path, md5 in deps.items():
        if path.startswith(CODE):
            found = behind_run(path, md5, side.commit) if md5.endswith(".dir") else None
            code |= found.files if found else {path: md5}
    data = {path: md5 for path, md5 in deps.items() if not path.startswith(CODE)}
    return Inputs(str(entry.get("cmd", "")), data, code, entry.get("params", {}))


def inputs_now(stage: DeclaredStage, then: Inputs, side: Revision) -> Inputs:
    """What a run would be given by the files that git has of the side; what stages leave, as in `then`."""
    data: dict[str, str] = {}
    code: dict[str, str] = {}
    for path in stage.deps:
        if not path.startswith(CODE):
            data[path] = then.data.get(path, "") if path in side.outs else _md5(path, side)
        elif path not in then.code and (files := behind(path, side.commit).files):
            code |= files
        else:
            code[path] = _md5(path, side)
    texts = {file: text for file in stage.params if (text := side.text(file)) is not None}
    return Inputs(stage.command, data, code, params_of(stage, texts))


def _md5(path: str, side: Revision) -> str:
    """DVC's name of what git has there, itself or as a pointer; of an empty folder where it has nothing."""
    if pointer := side.mapping(f"{path}.dvc"):
        return str(pointer["outs"][0]["md5"])
    content = side.content(path)
    return behind(path, side.commit).md5 if content is None else md5_of_bytes(content)


def differing(before: Inputs, after: Inputs) -> Iterator[str]:
    """What differs, one line a kind of input."""
    if before.command != after.command:
        yield "command"
    for kind, old, new in (("inputs", before.data, after.data), ("code", before.code, after.code)):
        if changed := [path for path in {**old, **new} if old.get(path) != new.get(path)]:
            yield f"{kind} {_some(changed)}"
    # One key of params a file; pyproject.toml holds the pinned libraries.
    for file in {**before.params, **after.params}:
        names = [
            change.name
            for change in leaves_changed(dict(before.params.get(file, {})), dict(after.params.get(file, {})))
        ]
        if names:
            yield f"{'params' if file.endswith(('.yaml', '.yml')) else file} {_some(names)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
