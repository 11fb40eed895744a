"""The reference of keys and commands is that of the code, and leads somewhere."""

import re

from docs.reference.__main__ import HERE, pages
from teacherspec.check.run import json_schema
from teacherspec.cli.main import COMMANDS


def test_the_committed_pages_are_true() -> None:
    for file, text in pages().items():
        assert file.read_text(encoding="utf-8") == text, "renew it with `make schema`"


def test_every_key_and_command_is_described() -> None:
    keys = {key for form in json_schema()["$defs"].values() for key in form.get("properties", {})}
    described = set(
        re.findall(r"^\| `(\w+)` \|", (HERE / "params.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert keys == described
    commands = re.findall(r"^### `teacherspec ([\w-]+)`$", pages()[HERE / "commands.md"], re.MULTILINE)
    assert sorted(commands) == sorted(COMMANDS)


def test_every_link_has_a_heading() -> None:
    text = pages()[HERE / "params.md"]
    headings = {f"#{name.replace('.', '')}" for name in re.findall(r"^#+ `([\w.]+)`$", text, re.MULTILINE)}
    links = set(re.findall(r"\]\((#[^)]*)\)", text))
    assert len(links) > 20
    assert links <= headings
