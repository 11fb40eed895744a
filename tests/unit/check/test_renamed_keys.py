"""An old key is answered with its new name, and the new name is a key."""

from pathlib import Path

import pytest

from teacherspec.check.declaration import Spec
from teacherspec.check.parsing.renamed_keys import RENAMED
from teacherspec.spec.base import Base
from teacherspec.spec.finetune import Finetune, Lora
from teacherspec.spec.package import Gate
from teacherspec.spec.section import Section
from tests.unit.check.example import changed, problems

OLD = {
    ("finetune", "head_first"): ("finetune:\n", "  head_first: {epochs: 2}\n"),
    ("finetune", "interpolation"): ("finetune:\n", "  interpolation: 0.5\n"),
    ("finetune", "reproducibility"): ("finetune:\n", "  reproducibility: portable\n"),
    ("finetune", "method", "whole"): ("finetune:\n", "  method: {kind: lora, whole: [projector]}\n"),
    ("package", "gates", "judge"): (
        "  gates:\n",
        "    - {metric: evaluate.test.accuracy, at_least: 0.5, judge: bound}\n",
    ),
}
"""Old key → the line of the example that it follows, and its own line."""

SECTIONS: dict[tuple[str, ...], type[Section]] = {
    (): Spec,
    ("base",): Base,
    ("finetune",): Finetune,
    ("finetune", "method"): Lora,
    ("package", "gates"): Gate,
}


@pytest.mark.parametrize("where", RENAMED, ids=lambda where: ".".join(map(str, where)))
def test_an_old_key_is_answered_with_its_new_name(tmp_path: Path, where: tuple[str, ...]) -> None:
    before, line = OLD[where]
    (problem,) = problems(tmp_path, changed((before, before + line)))
    name = ".".join(where).replace("gates.", "gates[0].")
    assert problem.endswith(f" {name}: this key is now called {RENAMED[where]}: rename it"), problem


def test_the_new_names_are_keys_and_the_old_ones_are_not() -> None:
    for where, new in RENAMED.items():
        *section, name = new.split(".")
        assert name in SECTIONS[tuple(section) or where[:-1]].model_fields
        assert where[-1] not in SECTIONS[where[:-1]].model_fields
