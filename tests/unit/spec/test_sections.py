"""Sections are pure data: strict, frozen, described, and without a single import of what uses them."""

import ast
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from teacherspec.check.declaration import Spec
from teacherspec.spec.base import Base
from teacherspec.spec.base_candidates import BaseCandidates
from teacherspec.spec.section import Section, field_docstrings

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "teacherspec/spec").rglob("*.py"))


def sections(of: type[Section] = Section) -> list[type[Section]]:
    """Every class derived from `Section` in teacherspec/spec."""
    own = [of] if of.__module__.startswith("teacherspec.spec.") and of is not Section else []
    return [*own, *(section for derived in of.__subclasses__() for section in sections(derived))]


SECTIONS = sorted(set(sections()), key=lambda section: section.__qualname__)


def test_the_sections_of_the_declaration_are_among_them() -> None:
    declared = {name: field.annotation for name, field in Spec.model_fields.items() if name != "task"}
    alternatives = declared.pop("base")
    assert {one.__origin__ for one in get_args(alternatives)} == {Base, BaseCandidates}
    assert {*declared.values(), Base, BaseCandidates} < set(SECTIONS)


@pytest.mark.parametrize("section", SECTIONS)
def test_unknown_keys_are_refused(section: type[Section]) -> None:
    with pytest.raises(ValidationError) as refused:
        section.model_validate({"no_such_key": 1})
    assert "extra_forbidden" in {error["type"] for error in refused.value.errors()}


@pytest.mark.parametrize("section", SECTIONS)
def test_values_are_neither_coerced_nor_changed(section: type[Section]) -> None:
    assert section.model_config["strict"]
    assert section.model_config["frozen"]
    assert section.model_config["allow_inf_nan"] is False


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_says_what_it_means(section: type[Section]) -> None:
    silent = set(section.model_fields) - set(field_docstrings(section))
    assert silent == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_reading_a_section_imports_no_code_that_uses_it(file: Path) -> None:
    imported = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    own = {name for name in imported if name.startswith("teacherspec")}
    assert {name for name in own if not name.startswith(("teacherspec.spec.", "teacherspec.errors"))} == set()
    libraries = {name.partition(".")[0] for name in imported - own}
    assert not libraries & {"numpy", "torch", "transformers", "datasets", "pyarrow", "PIL", "scipy", "fsspec"}
