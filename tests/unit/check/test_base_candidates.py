"""Candidates for the base: what contradicts itself is refused by file and line, before any download."""

from pathlib import Path

import pytest

from teacherspec.check.run import check
from teacherspec.spec.base_candidates import BaseCandidates
from tests.unit.check.example import RIGHT, changed, problems

ONE_BASE = RIGHT[RIGHT.index("base:\n") : RIGHT.index("finetune:\n")]
SEVERAL = """\
base:
  candidates:
    - name: encoder
      source: {kind: path, folder: models/encoder}
      license: apache-2.0
    - name: encoder-3
      source: {kind: path, folder: models/encoder}
      license: apache-2.0
      layers: 3
  choice: {rank_by: linear_probe, licenses: [apache-2.0, mit]}
"""
FIRST_LINE = RIGHT[: RIGHT.index("base:\n")].count("\n") + 1


def declared(*edits: tuple[str, str]) -> str:
    """The right declaration with candidates, each old text in it replaced by a new one."""
    section = SEVERAL
    for old, new in edits:
        assert section.count(old) == 1, (old, section.count(old))
        section = section.replace(old, new)
    return changed((ONE_BASE, section))


def test_candidates_are_read(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(declared())
    section = check(tmp_path / "params.yaml").base
    assert isinstance(section, BaseCandidates)
    assert [(place, base.layers) for place, base in section.placed()] == [
        (("base", "candidates", 0), None),
        (("base", "candidates", 1), 3),
    ]


@pytest.mark.parametrize(
    ("edit", "line", "complaint"),
    [
        (("encoder-3", "encoder"), 5, "[1].name: base.candidates[0] has this name already"),
        (("      layers: 3\n", ""), 6, "[1].source: is the same base as base.candidates[0]: drop one"),
        (
            ("2.0\n      layers", "3.0\n      layers"),
            7,
            "[1].license: base.choice.licenses does not allow apache-3.0",
        ),
        (
            ("linear_probe", "bits_per_byte"),
            9,
            "choice.rank_by: a text_classification task does not measure it",
        ),
        (("rank_by:", "use: encoder-4, rank_by:"), 9, "choice.use: is no candidate (given encoder-4;"),
        (("      layers: 3\n", "      init: config\n"), 8, "[1].init: unknown key (allowed source, license"),
        (
            ("  candidates:", "  license: mit\n  candidates:"),
            1,
            "base.license: unknown key (allowed candidates",
        ),
        (("  candidates:", "  candidate:"), 1, "base.candidate: unknown key"),
        (("layers: 3", "layers: 0"), 8, "[1].layers: out of range (given 0; allowed a whole number, 1 to"),
        (("encoder-3", "encoder 3"), 5, "[1].name: wrong form"),
    ],
    ids=str,
)
def test_a_mistake_is_named_at_its_line(
    edit: tuple[str, str], line: int, complaint: str, tmp_path: Path
) -> None:
    (found,) = problems(tmp_path, declared(edit))
    assert complaint in found
    assert found.startswith(f"{FIRST_LINE + line}:")


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    """Each candidate by itself, and rules of other sections at the candidate that they are about."""
    pooled = ("      layers: 3\n", "      layers: 3\n      pooling: mean\n")
    text = declared(pooled, ("[apache-2.0, mit]", "[mit]"), ("rank_by:", "use: other, rank_by:"))
    text = text.replace("kind: text_classification\n  max_length: 64", "kind: image_classification")
    found = "\n".join(problems(tmp_path, text))
    for place in ("[0].license", "[1].license", "[1].pooling: is for encoders of text", "base.choice.use"):
        assert place in found, place


def test_one_base_is_declared_as_before(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(RIGHT)
    section = check(tmp_path / "params.yaml").base
    assert not isinstance(section, BaseCandidates)
    assert [place for place, _ in section.placed()] == [("base",)]


@pytest.mark.parametrize("value", ["", " 3", " [a]", " {candidates: 3}", " {candidates: [{name: a}]}"])
def test_another_value_is_refused_in_words(value: str, tmp_path: Path) -> None:
    for problem in problems(tmp_path, changed((ONE_BASE, f"base:{value}\n"))):
        assert ": base" in problem
        assert "allowed" in problem
