"""The inputs that a stage was built from and would be built from now, on one side of a comparison."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.compare.params_diff import leaves_changed
from teacherspec.compare.revision import Revision
from teacherspec.run_records.data_pointers import md5_in_pointer
from teacherspec.run_records.dvc_hashing import md5_of_bytes
from teacherspec.run_records.dvc_yaml import DeclaredStage, params_of
from teacherspec.run_records.folder_contents import contents_of_run, folder_contents
from teacherspec.run_records.receipt import hashes

CODE = frozenset({"stages", "teacherspec"})
"""Folders of code at the root; every other input is data."""

MOST_NAMED = 4
"""Changed inputs of a kind that are named; the rest are counted."""


@dataclass(frozen=True)
class Inputs:
    """Everything that determines the outputs of a stage.

    Attributes:
        command: the one that runs.
        data: path → MD5 as DVC computes it.
        code: file → MD5; the folder itself where git does not have the files of the run.
        params: file → key → value.
    """

    command: str
    data: Mapping[str, str]
    code: Mapping[str, str]
    params: Mapping[str, Any]


def inputs_of_run(entry: Mapping[str, Any], side: Revision) -> Inputs:
    """The inputs of the run that an entry of the side's `dvc.lock` records."""
    deps = hashes(entry.get("deps", ()))
    code: dict[str, str] = {}
    for path, md5 in deps.items():
        if _is_code(path):
            found = contents_of_run(path, md5, side.commit) if md5.endswith(".dir") else None
            code |= found.files if found else {path: md5}
    data = {path: md5 for path, md5 in deps.items() if not _is_code(path)}
    return Inputs(str(entry.get("cmd", "")), data, code, entry.get("params", {}))


def inputs_now(stage: DeclaredStage, then: Inputs, side: Revision) -> Inputs:
    """The inputs of a run with the files that git has of the side; outputs of stages are those of `then`."""
    data: dict[str, str] = {}
    code: dict[str, str] = {}
    for path in stage.deps:
        if not _is_code(path):
            data[path] = then.data.get(path, "") if path in side.outs else _md5(path, side)
        elif path not in then.code and (files := folder_contents(path, side.commit).files):
            code |= files
        else:
            code[path] = _md5(path, side)
    texts = {file: text for file in stage.params if (text := side.text(file)) is not None}
    return Inputs(stage.command, data, code, params_of(stage, texts))


def _is_code(path: str) -> bool:
    return Path(path).parts[0] in CODE


def _md5(path: str, side: Revision) -> str:
    """DVC's hash of the path in git, or in its `.dvc` file; of an empty folder where there is neither."""
    if (pointer := side.text(f"{path}.dvc")) is not None:
        return md5_in_pointer(pointer, f"{side.name}: {path}.dvc")
    content = side.content(path)
    return folder_contents(path, side.commit).md5 if content is None else md5_of_bytes(content)


def differing(before: Inputs, after: Inputs) -> Iterator[str]:
    """The differences, one line for each kind of input."""
    if before.command != after.command:
        yield "command"
    for kind, old, new in (("inputs", before.data, after.data), ("code", before.code, after.code)):
        if changed := [path for path in {**old, **new} if old.get(path) != new.get(path)]:
            yield f"{kind} {_some(changed)}"
    for file in {**before.params, **after.params}:
        names = [
            change.name
            for change in leaves_changed(dict(before.params.get(file, {})), dict(after.params.get(file, {})))
        ]
        if names:
            yield f"{'params' if file.endswith(('.yaml', '.yml')) else file} {_some(names)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
