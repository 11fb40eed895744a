"""The list of kinds: where each is defined, what it can do, and how cheap it is to import."""

import json
import subprocess
import sys
from abc import ABC
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

import teacherspec.tasks
from teacherspec.tasks import KINDS, parse_task
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.tasks.shared.interfaces import capabilities
from teacherspec.tasks.shared.interfaces.capabilities import PairEmbeddings, RowLosses, SupervisedLoss
from teacherspec.tasks.shared.interfaces.kind import Kind

TASKS = Path(teacherspec.tasks.__file__).parent
SLOW_TO_IMPORT = ("PIL", "pyarrow", "torch", "transformers", "datasets", "scipy", "sklearn", "jinja2")


def name(kind: type[Kind]) -> str:
    (literal,) = get_args(kind.model_fields["kind"].annotation)
    return str(literal)


def declared(kind: type[Kind]) -> str:
    """As little as a declaration of the kind may hold."""
    names = {"label_names": ["a", "b"], "entity_types": ["a"]}
    fields = kind.model_fields
    required = {key: names[key] for key in names.keys() & fields.keys() if fields[key].is_required()}
    return json.dumps({"kind": name(kind), **required})


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_a_kind_is_defined_in_the_folder_of_its_name(kind: type[Kind]) -> None:
    assert kind.__module__ == f"teacherspec.tasks.{name(kind)}.task"


def test_every_folder_with_a_task_is_in_the_list() -> None:
    assert {path.parent.name for path in TASKS.glob("*/task.py")} == {name(kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_the_name_selects_the_kind(kind: type[Kind]) -> None:
    assert type(parse_task(declared(kind))) is kind


def test_a_kind_that_is_not_in_the_list_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValidationError, match=r"causal_lm.*text_classification"):
        parse_task('{"kind": "multi_label"}')


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_every_kind_can_be_trained(kind: type[Kind]) -> None:
    task = parse_task(declared(kind))
    assert any(task.capability(loss) is task for loss in (SupervisedLoss, PairEmbeddings, RowLosses))


def test_a_capability_is_there_or_none_and_a_required_one_is_there_or_an_error() -> None:
    text, language = (parse_task(f'{{"kind": "{kind}"}}') for kind in ("text_classification", "causal_lm"))
    assert text.capability(PairEmbeddings) is None
    assert language.require(GenerationTask) is language
    with pytest.raises(TypeError, match="TextClassification is no GenerationTask"):
        text.require(GenerationTask)


def test_every_capability_is_one_that_some_kinds_have_and_others_lack() -> None:
    defined = [one for one in vars(capabilities).values() if isinstance(one, type)]
    interfaces = [one for one in defined if one.__module__ == capabilities.__name__ and ABC in one.__bases__]
    assert len(interfaces) >= 7
    for interface in interfaces:
        having = [issubclass(kind, interface) for kind in KINDS]
        assert any(having), interface
        assert not all(having), interface


def test_the_kinds_are_cheap_to_import() -> None:
    code = f"import sys, teacherspec.tasks; print(*[one for one in {SLOW_TO_IMPORT} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
