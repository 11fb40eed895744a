"""Every declaration in docs/data.md and docs/image-data.md is valid."""

import json
import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from teacherspec.spec.prepare.prepare import Prepare
from teacherspec.spec.prepare.sources import DataSource
from teacherspec.tasks import Task

DOCS = Path(__file__).parents[3] / "docs" / "data.md"
PAGES = (DOCS, DOCS.with_name("image-data.md"))
BLOCKS = [
    block
    for page in PAGES
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_declares_what_it_shows(block: str) -> None:
    declared = YAML(typ="safe", pure=True).load(block)
    (section,) = declared
    {"prepare": TypeAdapter(Prepare), "task": TypeAdapter(Task)}[section].validate_json(
        json.dumps(declared[section])
    )


def test_every_kind_of_source_is_in_the_table() -> None:
    kinds = {kind.model_fields["kind"].annotation.__args__[0] for kind in DataSource.__origin__.__args__}
    assert set(re.findall(r"^\| `(\w+)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)) == {
        *kinds,
        "kind",
    }
