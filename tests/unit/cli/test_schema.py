"""The committed JSON Schema is that of the sections, accepts what is right, and explains every key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from teacherspec.check.run import check, json_schema
from teacherspec.cli.main import main
from teacherspec.runtime.atomic_io import read_json
from tests.unit.check.example import RIGHT, changed

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "params.schema.json"
DECLARATIONS = sorted([ROOT / "params.yaml", *ROOT.glob("examples/*/params.yaml")])


def test_the_committed_schema_is_true(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["schema", "--write"]).exit_code == 0
    written = (tmp_path / "params.schema.json").read_text()
    assert written == CliRunner().invoke(main, ["schema"]).stdout
    assert SCHEMA.read_text() == written, "renew it with `make schema`"


def test_it_is_a_schema_and_accepts_what_is_right() -> None:
    Draft202012Validator.check_schema(json_schema())
    Draft202012Validator(json_schema()).validate(YAML(typ="safe").load(RIGHT))


@pytest.mark.parametrize(
    "edit",
    [("epochs: 3", "epoch: 3"), ("epochs: 3", "epochs: 0"), ("kind: hub", "kind: hob"), ("2e-4", '"2e-4"')],
)
def test_it_refuses_what_is_wrong(edit: tuple[str, str]) -> None:
    assert not Draft202012Validator(json_schema()).is_valid(YAML(typ="safe").load(changed(edit)))


def keys(schema: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that the schema knows, with what it says about it."""
    for key, value in schema.get("properties", {}).items():
        yield f"{name}.{key}", value
    for definition, inner in schema.get("$defs", {}).items():
        yield from keys(inner, definition)


def test_every_key_explains_itself() -> None:
    found = dict(keys(read_json(SCHEMA)))
    assert len(found) > 50
    assert [name for name, schema in found.items() if not schema.get("description")] == []


@pytest.mark.parametrize("file", DECLARATIONS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_declaration_here_is_right_and_wired_for_editors(file: Path) -> None:
    check(file)
    up = "../" * (len(file.relative_to(ROOT).parts) - 1)
    assert file.read_text().startswith(f"# yaml-language-server: $schema={up}params.schema.json\n")
