"""Write the reference of every key and command from the code: `python -m docs.reference` or `make schema`."""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from teacherspec.check.parsing.schema_walk import Schema, SchemaTree
from teacherspec.check.run import json_schema
from teacherspec.cli.main import SECTIONS, main
from teacherspec.runtime.atomic_io import write_text

HERE = Path(__file__).parent
WIDTH = 96
WRITTEN = "Written by `make schema` from the code; do not edit."


def params_page(schema: Schema) -> Iterator[str]:
    """Lines of the page of all keys: each section, then what is nested in it, each form once."""
    tree = SchemaTree(schema)
    yield from ("# Every key of params.yaml", "", WRITTEN, "")
    yield "The same as `teacherspec check` allows and as editors show. A key without a default must be given."
    described: dict[str, str] = {}
    for name, section in schema["properties"].items():
        yield from ("", f"## `{name}`", "", _sentence(section))
        yield from _forms(tree, name, [section], described)


def _forms(tree: SchemaTree, path: str, schemas: list[Schema], described: dict[str, str]) -> Iterator[str]:
    """A table for each mapping that may stand at a path, then those of its keys."""
    forms = {title: form for schema in schemas for title, form in _mappings(tree, schema)}
    nested: dict[str, list[Schema]] = {}
    for title, form in forms.items():
        kind = form["properties"].get("kind", {}).get("const")
        name = f"`{path}`" + (f" of kind `{kind}`" if kind else f", {title}")
        if title in described:
            yield from ("", f"**{name}**: see [`{described[title]}`]({_anchor(described[title])}).")
            continue
        described[title] = path
        if len(forms) > 1:
            yield from ("", f"**{name}**: {_sentence(form)}")
        yield from ("", "| key | allowed | default | what it is |", "|---|---|---|---|")
        for key, value in form["properties"].items():
            below = f"{path}.{key}"
            inside = any(_mappings(tree, value))
            allowed = f"[a mapping]({_anchor(below)})" if inside else tree.describe(value)
            yield f"| `{key}` | {_cell(allowed)} | {_default(form, key)} | {_cell(_sentence(value))} |"
            if inside:
                nested.setdefault(below, []).append(value)
    for below, values in nested.items():
        yield from ("", f"### `{below}`")
        yield from _forms(tree, below, values, described)


def _mappings(tree: SchemaTree, schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Title and schema of each mapping with keys of its own that a value, or an item of it, may be."""
    schema = tree.resolve(schema)
    if "properties" in schema:
        yield schema["title"], schema
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _mappings(tree, option)
    for inside in ("items", "additionalProperties"):
        if isinstance(schema.get(inside), dict):
            yield from _mappings(tree, schema[inside])


def _anchor(path: str) -> str:
    return "#" + path.replace(".", "")


def _sentence(schema: Schema) -> str:
    return " ".join(schema.get("description", "").split())


def _default(form: Schema, key: str) -> str:
    value = form["properties"][key]
    if "const" in value or key in form.get("required", ()):
        return ""
    default = value.get("default")
    return "none" if default is None else f"`{json.dumps(default, ensure_ascii=False)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def commands_page() -> Iterator[str]:
    """Lines of the page of all commands: what each prints for `--help`."""
    yield from ("# Every command", "", WRITTEN)
    parent = click.Context(main, info_name="teacherspec")
    for title, names in SECTIONS.items():
        yield from ("", f"## {title}")
        for name in names:
            command = main.get_command(parent, name)
            assert command is not None  # noqa: S101
            context = click.Context(
                command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH
            )
            yield from ("", f"### `teacherspec {name}`", "", "```text", command.get_help(context), "```")


def pages() -> dict[Path, str]:
    """File → its text."""
    found = {"params.md": params_page(json_schema()), "commands.md": commands_page()}
    return {HERE / name: "\n".join(lines) + "\n" for name, lines in found.items()}


if __name__ == "__main__":
    for file, text in pages().items():
        write_text(file, text)
