"""An old key is answered with its new name, and the new name is a key."""

from pathlib import Path

import pytest

from teacherspec.check.declaration import Spec
from teacherspec.check.parsing.renamed_keys import RENAMED
from teacherspec.spec.base import Base
from teacherspec.spec.finetune import Finetune, Lora
from teacherspec.spec.section import Section
from tests.unit.check.example import changed, problems

OLD = {
    ("finetune", "head_first"): "  head_first: {epochs: 2}\n",
    ("finetune", "interpolation"): "  interpolation: 0.5\n",
    ("finetune", "reproducibility"): "  reproducibility: portable\n",
    ("finetune", "method", "whole"): "  method: {kind: lora, whole: [projector]}\n",
}
SECTIONS: dict[tuple[str | int, ...], type[Section]] = {
    (): Spec,
    ("base",): Base,
    ("finetune",): Finetune,
    ("finetune", "method"): Lora,
}


@pytest.mark.parametrize("where", RENAMED, ids=lambda where: ".".join(map(str, where)))
def test_an_old_key_is_answered_with_its_new_name(tmp_path: Path, where: tuple[str | int, ...]) -> None:
    (problem,) = problems(tmp_path, changed(("finetune:\n", f"finetune:\n{OLD[where]}")))  # type: ignore[index]
    name = ".".join(map(str, where))
    assert problem.endswith(f" {name}: this key is now called {RENAMED[where]}: rename it"), problem


def test_the_new_names_are_keys_and_the_old_ones_are_not() -> None:
    for where, new in RENAMED.items():
        *section, name = new.split(".")
        assert name in SECTIONS[tuple(section) or where[:-1]].model_fields
        assert where[-1] not in SECTIONS[where[:-1]].model_fields
