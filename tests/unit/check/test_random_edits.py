"""However a declaration is broken, the answer is a list of located problems."""

import json
import re
from functools import reduce
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from teacherspec.check.run import check
from teacherspec.errors import DeclarationError
from tests.unit.check.example import RIGHT

scalars = st.none() | st.booleans() | st.integers() | st.floats(-1e6, 1e6) | st.text("a1 -.", max_size=5)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("kind", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)


def places(value: Any, where: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in nested dicts and lists, the top left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in inner for place in [(*where, key), *places(item, (*where, key))]]


PLACES = places(YAML(typ="safe").load(RIGHT))
MUTATIONS = st.tuples(st.sampled_from(PLACES), st.sampled_from(["put", "drop", "add"]), values)


def mutated(mutations: list[tuple[tuple[Any, ...], str, Any]]) -> Any:
    """`RIGHT` with values replaced, dropped and added; mutations of what is gone do nothing."""
    spec = YAML(typ="safe", pure=True).load(RIGHT)
    for place, act, value in mutations:
        if place not in places(spec):
            continue
        *path, last = place
        holder = reduce(lambda inner, step: inner[step], path, spec)
        if act == "put":
            holder[last] = value
        elif act == "drop":
            del holder[last]
        elif isinstance(holder, dict):
            holder[f"{last}x"] = value
    return spec


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MUTATIONS, min_size=1, max_size=4))
@example([(("task",), "put", 3)])
@example([(("base", "source", "kind"), "put", [])])
@example([(("base", "source", "kind"), "put", {"kind": "hub"})])
@example([(("package", "gates"), "put", {"0": 1})])
@example([(("prepare", "sources", 0), "put", None)])
def test_every_mutation_is_right_or_refused_line_by_line(tmp_path: Path, mutations: Any) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(json.dumps(mutated(mutations), indent=1))
    problems: tuple[str, ...] = ()
    try:
        check(file)
    except DeclarationError as error:
        problems = error.problems
        assert problems
    form = re.compile(re.escape(str(file)) + r":\d+:\d+: (\S+: )?\w.*|.*\+ \d+ more")
    assert all(form.fullmatch(problem) for problem in problems), problems
