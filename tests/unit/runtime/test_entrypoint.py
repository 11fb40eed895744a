"""A door hands out its own sections only, and only of a declaration that is right as a whole."""

from pathlib import Path

import pytest

from teacherspec.errors import DeclarationError
from teacherspec.runtime.entrypoint import load_sections
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.section import Section
from teacherspec.tasks import Task
from tests.unit.check.example import RIGHT, changed


class Sections(Section):
    task: Task
    evaluate: Evaluate


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def test_a_door_sees_what_it_declares(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + RIGHT.encode())
    spec = load_sections(Sections, file)
    assert spec.model_fields_set == {"task", "evaluate"}
    assert (spec.task.max_length, spec.evaluate.batch_size) == (64, 64)


def test_a_mistake_in_a_section_of_another_stage_stops_it(file: Path) -> None:
    file.write_text(changed(("epochs: 3", "epochs: 0")))
    with pytest.raises(DeclarationError, match=r"params\.yaml:18:11: finetune\.epochs: out of range"):
        load_sections(Sections, file)


def test_sections_that_do_not_fit_stop_it(file: Path) -> None:
    file.write_text(changed(("evaluate.test.accuracy", "evaluate.test.acuracy")))
    with pytest.raises(DeclarationError, match=r"did you mean evaluate\.test\.accuracy\?"):
        load_sections(Sections, file)
