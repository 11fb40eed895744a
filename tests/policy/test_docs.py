"""Every link, path, command, option, key and variable in the README and the docs exists."""

import argparse
import ast
import re
import shlex
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
from dvc.cli.parser import get_main_parser
from ruamel.yaml import YAML

from teacherspec.cli.main import COMMANDS, main
from teacherspec.runtime.atomic_io import read_json
from tests.policy.test_plain_words import ROOT, documents, tracked

WRITTEN = (
    ".dvc/config.local",
    "artifacts/attestation",
    "artifacts/review",
    "data/reviews/sheet-",
    "out/release",
    "out/results.patch",
    "out/review",
)
"""What commands write and neither git nor DVC keeps."""

USERS = ("data/mine", "data/photos", "examples/accelerate/ddp")
"""Paths of the reader's own."""

FOREIGN_OPTIONS = frozenset({"--all-tags", "--untimed", "--workspace"})
"""Options of other programs that a text names alone."""

CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    (?=\S)(.*)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
MODULE = re.compile(r"(?:teacherspec|stages|tests|benchmarks)(?:\.\w+)+")
KEY = re.compile(r"(?:task|prepare|base|finetune|package)(?:\.[a-z_]+)+(?=$|:)")
VARIABLE = re.compile(r"\bTEACHERSPEC_[A-Z_]+\b")


def problems(text: str, place: Path) -> Iterator[str]:
    """What the Markdown `text` of a file in the folder `place` names and does not exist."""
    blocks = [(language, content) for language, content in BLOCK.findall(text)]
    prose = BLOCK.sub("", text)
    inline = [code for code in CODE.findall(prose) if "…" not in code]
    yield from (f"link {link}" for link in LINK.findall(prose) if not link_exists(link, place, text))
    yield from (f"path {code}" for code in inline if looks_like_path(code) and not path_exists(code))
    for code in inline:
        if MODULE.fullmatch(code) and not module_exists(code):
            yield f"module {code}"
        if (key := KEY.match(code)) and not set(key[0].split(".")) <= keys():
            yield f"key {code}"
        if re.fullmatch(r"--[a-z-]+", code) and code not in options() | FOREIGN_OPTIONS:
            yield f"option {code}"
        if re.fullmatch(r"load_\w+", code) and f"def {code}(" not in library():
            yield f"function {code}"
    imported = [name for language, content in blocks if language == "python" for name in imports(content)]
    yield from (f"import {name}" for name in imported if not module_exists(name))
    yield from (f"variable {name}" for name in VARIABLE.findall(text) if name not in library())
    lines = [line for language, content in blocks if language == "sh" for line in content.splitlines()]
    for line in [*inline, *INDENTED.findall(prose), *lines]:
        yield from wrong_commands(line)


def link_exists(link: str, place: Path, text: str) -> bool:
    """Whether a link leads to a file, and to a heading of it if it names one."""
    if re.match(r"https?://", link):
        return True
    path, _, heading = link.partition("#")
    target = (ROOT / place / path).resolve()
    if path and not (target.is_relative_to(ROOT) and target.exists()):
        return False
    return not heading or heading in headings(target.read_text(encoding="utf-8") if path else text)


def headings(text: str) -> set[str]:
    """The anchors that GitHub makes of the headings of a text."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def looks_like_path(code: str) -> bool:
    """Whether inline code is meant as a path of this repository."""
    first, slash, _ = code.partition("/")
    return bool(slash) and re.fullmatch(r"[\w./<>*-]+", code) is not None and first in top_level()


@cache
def top_level() -> frozenset[str]:
    """The folders of the repository, and those that commands write."""
    return frozenset({name.split("/")[0] for name in tracked() if "/" in name} | {"artifacts", "out"})


def path_exists(path: str) -> bool:
    """Whether a path, with `<…>` and `*` for anything, is in git, below an out, or written by a command."""
    if path.startswith((*outs(), *WRITTEN, *USERS)):
        return True
    pattern = re.sub(r"<[^>]*>", "*", path).rstrip("/")
    names = (*tracked_files(), *outs())
    return any(fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}/*") for name in names)


@cache
def tracked_files() -> tuple[str, ...]:
    return tuple(tracked())


@cache
def pipeline() -> dict[str, dict[str, Any]]:
    """The stages of `dvc.yaml`."""
    stages: dict[str, dict[str, Any]] = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text())[
        "stages"
    ]
    return stages


@cache
def outs() -> tuple[str, ...]:
    """What `dvc.yaml` declares as written by the stages."""
    kinds = ("outs", "metrics", "plots")
    entries = [out for stage in pipeline().values() for kind in kinds for out in stage.get(kind, ())]
    return tuple(out if isinstance(out, str) else next(iter(out)) for out in entries)


def module_exists(name: str) -> bool:
    """Whether a dotted name is a module of this repository or something that one defines."""
    if is_module(name):
        return True
    parent, _, attribute = name.rpartition(".")
    return is_module(parent) and hasattr(import_module(parent), attribute)


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports(source: str) -> Iterator[str]:
    """The names of this repository that a block of Python imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "teacherspec":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def keys() -> frozenset[str]:
    """Every key that a declaration may hold."""

    def found(schema: Any) -> Iterator[str]:
        if isinstance(schema, dict):
            yield from schema.get("properties", {})
            for value in schema.values():
                yield from found(value)
        elif isinstance(schema, list):
            for value in schema:
                yield from found(value)

    return frozenset(found(read_json(ROOT / "params.schema.json")))


@cache
def library() -> str:
    """The source of the library."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("teacherspec/**/*.py")))


@cache
def options() -> frozenset[str]:
    """Every option of every command."""
    return frozenset(
        name
        for command in map(command_of, COMMANDS)
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    )


def command_of(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


def wrong_commands(line: str) -> Iterator[str]:
    """The commands of a shell line that are ours, DVC's or make's and would be refused."""
    line = re.sub(r"(^|\s)#.*$", "", line)
    for part in re.split(r"&&|\|\|?|;", line):
        try:
            words = shlex.split(re.sub(r"[\[\]]", " ", part))
        except ValueError:
            continue
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words[:2] == ["python", "-m"] and len(words) > 2:
            words = ["python -m", *words[2:]] if words[2] != "teacherspec" else words[2:]
        if len(words) > 1 and words[0] in CHECKS and not CHECKS[words[0]](words[1:]):
            yield f"command {part.strip()}"


def accepted(words: list[str]) -> bool:
    """Whether `teacherspec` has the command and the command has the options."""
    if words[0] == "--teacher":  # of the group, with its value before the command
        words = words[2:]
    name, *arguments = words
    if name == "--help":
        return True
    if name not in COMMANDS:
        return False
    if name == "repro":
        return accepted_by_dvc(words)
    command = command_of(name)
    try:
        command.make_parser(click.Context(command)).parse_args(list(arguments))
    except click.UsageError:
        return False
    return True


def accepted_by_dvc(words: list[str]) -> bool:
    """Whether DVC has the command and the command has the options."""
    parser = get_main_parser()
    while subcommands := [
        found for found in parser._actions if isinstance(found, argparse._SubParsersAction)
    ]:
        if not words:
            return True
        if words[0] not in subcommands[0].choices:
            return False
        parser, words = subcommands[0].choices[words[0]], words[1:]
    given = {word.split("=")[0] for word in words if word.startswith("--")}
    return given <= {name for action in parser._actions for name in action.option_strings}


def accepted_by_make(words: list[str]) -> bool:
    makefiles = "".join((ROOT / name).read_text() for name in ("Makefile", "pipeline.mk"))
    targets = set(re.findall(r"^([\w-]+):", makefiles, re.MULTILINE))
    return {word for word in words if "=" not in word} <= targets


def accepted_by_python(words: list[str]) -> bool:
    module, *arguments = words
    paths = [word for word in arguments if word.startswith("tests/")]
    ours = module.split(".")[0] in {"stages", "tests", "benchmarks", "teacherspec"}
    return (not ours or module_exists(module)) and all(map(path_exists, paths))


CHECKS = {
    "teacherspec": accepted,
    "dvc": accepted_by_dvc,
    "make": accepted_by_make,
    "python -m": accepted_by_python,
}


def all_documents() -> list[str]:
    others = sorted([*ROOT.glob("benchmarks/*/README.md"), *ROOT.glob("data/*/README.md")])
    return [*documents(), *(str(path.relative_to(ROOT)) for path in others)]


@pytest.mark.parametrize("name", all_documents())
def test_what_a_document_names_exists(name: str) -> None:
    assert list(problems((ROOT / name).read_text(encoding="utf-8"), Path(name).parent)) == []


@pytest.mark.parametrize("name", [name for name in documents() if name.startswith("docs/")])
def test_a_page_opens_with_its_use_and_is_linked(name: str) -> None:
    title, opening, *_ = (ROOT / name).read_text(encoding="utf-8").split("\n\n")
    assert title.startswith("# ")
    assert opening.startswith("After this page you ")
    others = "".join((ROOT / other).read_text(encoding="utf-8") for other in documents() if other != name)
    assert f"{Path(name).name})" in others


def commands_in_messages(source: str) -> list[str]:
    """The commands that a module quotes, but for those with parts that are put in at run time."""
    quoted = re.findall(r"`((?:python -m |teacherspec |dvc |make )[^`\n{]*)`", source)
    return [line for line in quoted if "…" not in line]


def test_messages_of_the_library_name_commands_that_exist() -> None:
    found = commands_in_messages(library())
    assert len(found) > 20
    assert [wrong for line in found for wrong in wrong_commands(line)] == []


def test_a_wrong_command_in_a_message_is_found() -> None:
    (line,) = commands_in_messages('raise UserError("wrong; run `python -m teacherspec reproduce`")')
    assert list(wrong_commands(line)) == ["command python -m teacherspec reproduce"]


def test_the_table_of_stages_is_that_of_the_pipeline() -> None:
    table = re.findall(r"^\| `(\w+)` \| .* \| ([^|]+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    stages = pipeline()
    assert [name for name, _ in table] == list(stages)
    sections = {"task", "prepare", "base", "finetune", "evaluate", "calibrate", "probe", "package"}
    for name, edits in table:
        read = {param for param in stages[name]["params"] if isinstance(param, str)}
        named = {"anything in `params.yaml`": set(), "any section": sections}
        assert named.get(edits, set(re.findall(r"`(\w+)`", edits))) == read, name


def test_every_command_is_documented() -> None:
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in documents())
    assert [name for name in COMMANDS if not re.search(rf"teacherspec {name}\b(?!-)", text)] == []


def test_the_tree_of_the_readme_is_complete() -> None:
    tree = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The tree")[2].split("```")[1]
    named = set(re.findall(r"[\w.]+(?:/|\.py|\.yaml|\.lock)(?=[ :]|$)", tree, re.MULTILINE))
    files = tracked()
    folders = {f"{name.split('/')[0]}/" for name in files if "/" in name and name[0] != "."}
    packages = {f"{name.split('/')[1]}/" for name in files if re.match(r"teacherspec/\w+/", name)}
    suites = {f"{name.split('/')[1]}/" for name in files if re.match(r"tests/\w+/", name)}
    assert sorted((folders | packages | suites) - named) == []
    places = ("", "teacherspec/", "tests/", "teacherspec/tasks/")
    unknown = {name for name in named if not any((ROOT / place / name).exists() for place in places)}
    kinds = {"classification/", "generation/", "retrieval/"}
    assert sorted(unknown - kinds - {"artifacts/"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "See [data](docs/dat.md).",
        "See [data](docs/data.md#nothing).",
        "See [here](#nothing).",
        "`teacherspec/prepare/nothing.py`",
        "`stages/<stage>.yaml`",
        "`reports/nowhere/metrics.json`",
        "`teacherspec.serving.load_nothing`",
        "`teacherspec.nothing`",
        "`load_nothing`",
        "```python\nfrom teacherspec.teacher import load_teacher\n```",
        "```python\nfrom teacherspec.serving import load_nothing\n```",
        "`finetune.head_first`",
        "`--nothing`",
        "`TEACHERSPEC_NOTHING=1`",
        "`teacherspec reproduce teacher@v1.0.0`",
        "`python -m teacherspec chek`",
        "`teacherspec diff main --nothing`",
        "`teacherspec repro --nothing`",
        "`make nothing`",
        "`python -m stages.nothing`",
        "```sh\nsource a && teacherspec nothing  # text\n```",
        "```sh\ndvc repro --nothing\n```",
        "Text:\n\n    X=1 dvc nothing\n",
    ],
)
def test_what_does_not_exist_is_found(text: str) -> None:
    assert len(list(problems(f"# A\n\n{text}\n", Path()))) == 1


def test_what_exists_is_no_problem() -> None:
    text = """# A title

See [data](docs/data.md#splits), [here](#a-title) and [there](https://example.org/nothing).
`teacherspec/<anything>/run.py`, `stages/*.py`, `artifacts/prepare/<split>.parquet`, `--public-key`,
`teacherspec.serving.load_teacher`, `finetune.learning_rate: 1`, `TEACHERSPEC_MICRO_BATCH=4`,
`teacherspec diff main HEAD --no-texts`.

```sh
source .venv/bin/activate && TEACHERSPEC_ACCELERATE=none dvc repro --pull   # nothing else
teacherspec repro --pull --allow-missing | make check test
python -m pytest -m slow tests/policy; python -m stages.base a b
```
"""
    assert list(problems(text, Path())) == []
