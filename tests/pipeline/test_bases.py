"""Every family of the table in docs/bases.md has a declaration that holds, and a test that walks its road."""

import re
from pathlib import Path

import pytest

from teacherspec.check.run import check
from teacherspec.errors import DeclarationError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bases.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \[(\w+)\]\(#(\w+)\) \| `(\w+)` \| .* \| `([\w/.]+)` `(\w+)` \|$", PAGE, re.MULTILINE)
BLOCKS = dict(re.findall(r"^## (\w+)\n\n```yaml\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
NAMED = {"Llama", "Mistral", "Qwen", "ViT", "ResNet", "EfficientNet", "CLIP", "LLaVA"}


def test_every_family_is_there_once() -> None:
    assert {row[0] for row in ROWS} >= NAMED
    assert len(ROWS) == len(BLOCKS) == PAGE.count("\n## ") == PAGE.count("\n| [")


@pytest.mark.parametrize(("family", "anchor", "kind", "test", "walked"), ROWS, ids=[row[0] for row in ROWS])
def test_a_family_declares_and_is_walked(
    family: str, anchor: str, kind: str, test: str, walked: str, tmp_path: Path
) -> None:
    assert anchor == family.lower()
    declared = tmp_path / "params.yaml"
    declared.write_text(BLOCKS[family])
    assert check(declared).task.kind == kind
    code = (ROOT / test).read_text(encoding="utf-8")
    toys = (ROOT / "tests/toys/image.py").read_text(encoding="utf-8")
    assert f'"{walked}' in code or ("FAMILIES" in code and f'"{walked}"' in toys)


@pytest.mark.parametrize("family", BLOCKS)
def test_a_declaration_is_as_small_as_it_can_be(family: str, tmp_path: Path) -> None:
    parts = re.split(r"\n(?=\w)", BLOCKS[family].strip())
    assert len(parts) == 7
    for left_out in parts:
        declared = tmp_path / "params.yaml"
        declared.write_text("\n".join(part for part in parts if part != left_out))
        with pytest.raises(DeclarationError, match=left_out.partition(":")[0]):
            check(declared)
