"""`dvc.yaml` and `versions.yaml` of a repository in which the library is installed."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from teacherspec.run_records.dvc_yaml import parse_yaml
from teacherspec.run_records.library_versions import (
    KIND_FOLDER,
    LIBRARY,
    VERSIONS,
    code_of,
    installed_versions,
    plugin_versions,
    template,
)
from teacherspec.run_records.teachers import TEACHERS

PINS_FILE = "pyproject.toml"
PINNED = f"      - {PINS_FILE}:"

HEADER = f"""\
# The pipeline, from top to bottom. One name everywhere: stage `calibrate` = stages/calibrate.py =
# params.yaml: calibrate = reports/calibrate/. A stage re-runs when its data, its sections of params.yaml or
# its entries of {VERSIONS} changed: the code of the installed teacherspec, and libraries it computes with.
# Written by `teacherspec init`; `teacherspec init --upgrade` shows what a new version changes, and asks.
"""


TEACHERS_HEADER = """\
# The teachers of this repository, under the names of their release tags. `dvc repro` here builds what changed
# of all of them; in teachers/NAME, of one. Written by `teacherspec init --add NAME`.
"""

ARTIFACTS = "\nartifacts:\n"

PLUGINS = (
    "plugins:  # packages of the kinds that teacherspec lacks; another version of the same code runs nothing"
)


def pipeline(others: Sequence[str] = ()) -> str:
    """The text of `dvc.yaml`: that of this project, with the library's folders replaced by their versions.

    Args:
        others: teachers in folders of `teachers/`, which it registers under their names.
    """
    text = (template() / "pipeline.yaml").read_text(encoding="utf-8")
    stages = parse_yaml(text)["stages"]
    body = text[text.index("\nstages:\n") + 1 :]
    return HEADER + "\n" + "\n".join([*_lines(body, stages), *map(registered, others)]) + "\n"


def teachers_only(names: Sequence[str]) -> str:
    """The text of `dvc.yaml` in a root without a teacher of its own."""
    return TEACHERS_HEADER + ARTIFACTS + "".join(f"{registered(name)}\n" for name in names)


def registered(name: str) -> str:
    """The line of `artifacts:` by which a release tag `NAME@v1.2.0` names a teacher of `teachers/`."""
    return f"  {name}: {{path: {(TEACHERS / name).as_posix()}/artifacts/teacher, type: model}}"


def teacher_pipeline(up: str, sources: Sequence[str]) -> str:
    """The text of `dvc.yaml` in the folder of a teacher, whose stages and versions are those of the root.

    Args:
        up: from its folder to the root, such as `../../`.
        sources: files that its `params.yaml` is written from.
    """
    text = pipeline()
    text = text[: text.index(ARTIFACTS)]
    for name in ("stages/", VERSIONS.name):
        text = text.replace(f"      - {name}", f"      - {up}{name}")
    check = f"      - {up}stages/check.py\n"
    return text.replace(check, check + "".join(f"      - {source}\n" for source in sources), 1) + "\n"


def _lines(body: str, stages: Mapping[str, Any]) -> Iterator[str]:
    stage = ""
    for line in body.rstrip("\n").split("\n"):
        if found := re.fullmatch(r"  (\w+):", line):
            stage = found[1] if found[1] in stages else ""
        if line.startswith(f"      - {LIBRARY}/"):
            continue
        if line == PINNED:
            yield from _versions(stage, stages[stage])
            continue
        yield line.replace("- dependency-groups.", "- pins.")
        if stage and line.startswith("    params:") and PINS_FILE not in str(stages[stage]["params"]):
            yield from _versions(stage, stages[stage])


def _versions(stage: str, declared: Mapping[str, Any]) -> Iterator[str]:
    """The entries of `versions.yaml` that a stage depends on; the lines of its pins follow."""
    yield f"      - {VERSIONS}:"
    if code_of(declared):
        yield f"          - code.{stage}"
    if KIND_FOLDER in declared["deps"]:
        yield "          - tasks.${task.kind}"


def versions(kinds: Sequence[str] = ()) -> str:
    """The text of `versions.yaml` for the installed library.

    Args:
        kinds: of the teachers; those in packages of users are stated with the package.

    Raises:
        UserError: a package offers a kind whose module does not exist.
    """
    found = installed_versions()
    plugins = plugin_versions(kinds)
    tasks = {**found["tasks"], **{kind: digest for kind, (_, digest) in plugins.items()}}
    lines = [
        "# What each stage runs; DVC re-runs a stage when its entry changed. Written by `teacherspec init`;",
        "# every stage refuses to run with another library than this one.",
        f"{LIBRARY}: {json.dumps(found[LIBRARY])}",
        "code:  # digest of the library's code, by stage",
        *(f"  {name}: {json.dumps(digest)}" for name, digest in found["code"].items()),
        "tasks:  # and by kind of task",
        *(f"  {name}: {json.dumps(digest)}" for name, digest in tasks.items()),
        *([PLUGINS] if plugins else []),
        *(f"  {name}: {json.dumps(package)}" for name, (package, _) in plugins.items()),
        "pins:  # libraries that can change a result",
        *(f"  {group}: {json.dumps(pins)}" for group, pins in found["pins"].items()),
    ]
    return "\n".join(lines) + "\n"
