"""Every family of docs/bases.md has a valid declaration, and a test that runs the pipeline on it."""

import ast
import re
from pathlib import Path

import pytest

from teacherspec.check.run import check
from teacherspec.errors import DeclarationError
from tests.toys import image

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bases.md").read_text(encoding="utf-8")
FAMILIES = PAGE.partition("\n## What a base goes through")[0]
ROWS = re.findall(r"^\| \[(\w+)\]\(#(\w+)\) \| `(\w+)` \| .* \| `([\w/.]+)` `(\w+)` \|$", PAGE, re.MULTILINE)
BLOCKS = dict(re.findall(r"^## (\w+)\n\n```yaml\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
NAMED = {"Llama", "Mistral", "Qwen", "ViT", "ResNet", "EfficientNet", "CLIP", "LLaVA"}


def families_in(test: Path) -> set[str]:
    """Strings in the code of a test module, and the image families where it runs all of them."""
    nodes = list(ast.walk(ast.parse(test.read_text(encoding="utf-8"))))
    strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    runs_all = any(isinstance(node, ast.Name) and node.id == "FAMILIES" for node in nodes)
    return strings | (set(image.FAMILIES) if runs_all else set())


def test_every_family_is_there_once() -> None:
    assert {row[0] for row in ROWS} >= NAMED
    assert len(ROWS) == len(BLOCKS) == FAMILIES.count("\n## ") == PAGE.count("\n| [")


@pytest.mark.parametrize(("family", "anchor", "kind", "test", "toy"), ROWS, ids=[row[0] for row in ROWS])
def test_a_family_has_a_valid_declaration_and_a_test(
    family: str, anchor: str, kind: str, test: str, toy: str, tmp_path: Path
) -> None:
    assert anchor == family.lower()
    declared = tmp_path / "params.yaml"
    declared.write_text(BLOCKS[family])
    assert check(declared).task.kind == kind
    assert toy in families_in(ROOT / test)


def test_a_family_that_no_test_runs_is_noticed() -> None:
    assert "qwen1" not in families_in(ROOT / "tests/pipeline/causal_lm/test_pipeline.py")
    assert "vit" not in families_in(ROOT / "tests/pipeline/causal_lm/test_pipeline.py")


@pytest.mark.parametrize("family", BLOCKS)
def test_a_declaration_is_as_small_as_it_can_be(family: str, tmp_path: Path) -> None:
    parts = re.split(r"\n(?=\w)", BLOCKS[family].strip())
    assert len(parts) == 8
    for left_out in parts:
        declared = tmp_path / "params.yaml"
        declared.write_text("\n".join(part for part in parts if part != left_out))
        with pytest.raises(DeclarationError, match=left_out.partition(":")[0]):
            check(declared)
