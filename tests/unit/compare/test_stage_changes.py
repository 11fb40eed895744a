"""Stages of two revisions, and their order."""

from types import SimpleNamespace
from typing import Any, cast

from teacherspec.compare.stage_changes import stages_built


def test_stages_are_in_the_order_of_the_pipeline_whenever_the_lock_got_them() -> None:
    head = SimpleNamespace(stages={"train": {}, "check": {}}, declared_stages={"check": None, "train": None})
    base = SimpleNamespace(stages={"gone": {}}, declared_stages={})
    built = stages_built(cast(Any, base), cast(Any, head))
    assert [(one.stage, one.state) for one in built] == [
        ("check", "new"),
        ("train", "new"),
        ("gone", "removed"),
    ]
